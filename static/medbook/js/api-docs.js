// Show the API document so that it can be read and tried; tokens stay in this tab.
"use strict";

const docs = document.getElementById("api-docs");
SwaggerUIBundle({
  url: docs.dataset.schema,
  domNode: docs,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  validatorUrl: null,
});
