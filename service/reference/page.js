// Shows this service's OpenAPI document. It requests nothing from other hosts: no validator, fonts or source maps.
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
