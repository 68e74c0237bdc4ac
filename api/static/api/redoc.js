// The reader would load its maker's logo from another host: nothing here does.
const isOurs = (address) => new URL(address, window.location.href).origin === window.location.origin;
const setAttribute = Element.prototype.setAttribute;
Element.prototype.setAttribute = function (name, value) {
  if (name !== "src" || isOurs(value)) setAttribute.call(this, name, value);
};
const source = Object.getOwnPropertyDescriptor(HTMLImageElement.prototype, "src");
Object.defineProperty(HTMLImageElement.prototype, "src", {
  ...source,
  set(value) {
    if (isOurs(value)) source.set.call(this, value);
  },
});
const place = document.getElementById("redoc");
const fonts = "system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif";
Redoc.init(
  place.dataset.schema,
  {
    disableSearch: false,
    hideDownloadButton: false,
    theme: { typography: { fontFamily: fonts, headings: { fontFamily: fonts } } },
  },
  place,
);
