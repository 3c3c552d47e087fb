"use strict";

// A form with data-passkey asks the browser for a passkey and sends what it says.
(() => {
  const know = window.PublicKeyCredential;
  if (!know || !know.parseCreationOptionsFromJSON || !know.parseRequestOptionsFromJSON) return;

  const ask = async (form) => {
    const options = JSON.parse(form.dataset.options).publicKey;
    const made = form.dataset.passkey === "create"
      ? await navigator.credentials.create({ publicKey: know.parseCreationOptionsFromJSON(options) })
      : await navigator.credentials.get({ publicKey: know.parseRequestOptionsFromJSON(options) });
    form.elements.answer.value = JSON.stringify(made.toJSON());
    form.submit();
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const failed = form.querySelector("[data-failed]");
    form.querySelector("[data-without]").hidden = true;
    form.querySelector("button").hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      failed.hidden = true;
      ask(form).catch(() => { failed.hidden = false; });
    });
  }
})();
