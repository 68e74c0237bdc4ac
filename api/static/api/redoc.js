// The reader would load its maker's logo from another host: nothing here does.
const setAttribute = Element.prototype.setAttribute;
Element.prototype.setAttribute = function (name, value) {
  const foreign = this instanceof HTMLImageElement && name === "src" && /^https?:/.test(value);
  if (!foreign || new URL(value).origin === window.location.origin) setAttribute.call(this, name, value);
};
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
