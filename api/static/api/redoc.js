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
