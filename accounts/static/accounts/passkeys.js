// Passkeys: ask the server, let the browser ask the device, send its answer with the form.
"use strict";

const options = async (form, address, body) => {
  const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
  const answer = await fetch(address, { method: "POST", headers: { "X-CSRFToken": token }, body });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.detail);
  return said;
};

const prove = async (publicKey) =>
  navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });

const make = async (publicKey) =>
  navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) });

const tell = (form, text) => {
  const place = form.querySelector("[data-passkey-error]");
  place.textContent = text;
  place.hidden = false;
};

document.querySelectorAll("[data-passkey]").forEach((button) => {
  const form = button.closest("form");
  const ask = button.dataset.passkey === "make" ? make : prove;
  button.addEventListener("click", async () => {
    if (ask === make && !form.reportValidity()) return;
    if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
      tell(form, "This browser is too old for passkeys here: use the app, or a newer browser.");
      return;
    }
    button.disabled = true;
    try {
      const body = ask === make ? new URLSearchParams(new FormData(form)) : undefined; // The password is among it.
      const credential = await ask(await options(form, button.dataset.options, body));
      form.querySelector("[name=passkey]").value = JSON.stringify(credential.toJSON());
      form.submit();
    } catch (error) {
      const cancelled = ["NotAllowedError", "AbortError"].includes(error.name);
      const known = error.name === "InvalidStateError";
      tell(form, cancelled ? "Cancelled, or out of time." : known ? "This device has a passkey here already." : error.message);
      button.disabled = false;
    }
  });
});
