// Shows this service's own document. Nothing is asked of any other host: no validator, no fonts, no source maps.
"use strict";

SwaggerUIBundle({
  url: "/schema/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  docExpansion: "list",
  persistAuthorization: false, // the key stays in this tab
  requestSnippetsEnabled: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
