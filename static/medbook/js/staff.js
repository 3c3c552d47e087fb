"use strict";

// Gives names to controls that Django's admin leaves without one for screen readers.
(() => {
  const nameSearch = () => {
    const field = document.getElementById("searchbar");
    const drawn = field && document.querySelector('label[for="searchbar"] img');
    if (drawn) field.setAttribute("aria-label", drawn.alt);
  };

  const nameChoosers = () => {
    for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
      const label = document.querySelector(`label[for="${select.id}"]`);
      const chooser = select.parentElement.querySelector(".select2-selection");
      const shown = chooser && chooser.querySelector(".select2-selection__rendered");
      if (!label || !shown) continue;
      label.id = label.id || `${select.id}_label`;
      chooser.setAttribute("aria-labelledby", `${label.id} ${shown.id}`);
      shown.setAttribute("aria-labelledby", label.id);
    }
  };

  window.addEventListener("load", () => {
    nameSearch();
    nameChoosers();
  });
  document.addEventListener("formset:added", () => window.setTimeout(nameChoosers));
})();
