// The page itself says nothing about the node: the list of methods, and every call, needs the secret that is typed
// here. It stays in the memory of this page only.
"use strict";

const form = document.getElementById("enter");
const field = document.getElementById("secret");
const refusal = document.getElementById("refusal");

async function show() {
  const secret = field.value.trim();
  let told;
  try {
    const headers = secret ? { api_secret: secret } : {};
    told = await (await fetch("/openapi.json", { headers, cache: "no-store" })).json();
  } catch (error) {
    refusal.textContent = "the node does not answer";
    return;
  }
  if (!told.openapi) {
    refusal.textContent = secret ? (told.errors || ["no answer"]).join("; ") : "";
    return;
  }
  refusal.textContent = "";
  SwaggerUIBundle({
    spec: told,
    dom_id: "#methods",
    docExpansion: "none",
    filter: true,
    validatorUrl: null,
    requestInterceptor: (request) => {
      if (secret && new URL(request.url, location.href).origin === location.origin) {
        request.headers.api_secret = secret;
      }
      return request;
    },
  });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  show();
});
show(); // a node whose secret is switched off shows its methods at once
