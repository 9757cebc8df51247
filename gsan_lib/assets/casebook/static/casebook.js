// A page opened from a folder may not read its neighbours, which the search does for its excerpts: titles alone, then.
if (window.location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

// What is chosen stands in the address after '#', so that a link brings it back: #town=gwangsan&theme=green
const chosen = () => new URLSearchParams(window.location.hash.slice(1));
const remember = (choice) => {
  const text = choice.toString();
  window.history.replaceState(null, "", text ? `#${text}` : window.location.pathname + window.location.search);
};

// The start page: reports are filtered in place. Without JavaScript the form is hidden and all are shown.
function filterReports(form) {
  const entries = [...document.querySelectorAll(".cb-entry")];
  const none = document.querySelector(".cb-none");
  const output = form.querySelector("output");
  const selects = [...form.querySelectorAll("select")];
  const show = () => {
    const wanted = selects.filter((select) => select.value);
    for (const entry of entries) {
      entry.hidden = !wanted.every((select) => entry.dataset[select.name].split(" ").includes(select.value));
    }
    for (const town of document.querySelectorAll(".cb-town")) {
      town.hidden = wanted.length > 0 && !town.querySelector(".cb-entry:not([hidden])");
    }
    const some = entries.filter((entry) => !entry.hidden).length;
    const text = wanted.length ? form.dataset.some : form.dataset.all;
    output.textContent = text.replace("{some}", some).replace("{all}", entries.length);
    none.hidden = some > 0;
  };
  const restore = () => {
    const choice = chosen();
    for (const select of selects) {
      const value = choice.get(select.name) || "";
      select.value = [...select.options].some((option) => option.value === value) ? value : "";
    }
    show();
  };
  const change = () => {
    remember(new URLSearchParams(selects.filter((select) => select.value).map((select) => [select.name, select.value])));
    show();
  };
  form.addEventListener("change", change);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => window.setTimeout(change));
  window.addEventListener("hashchange", restore);
  form.hidden = false;
  restore();
}

// A comparison of municipalities: columns are chosen; parameters that the chosen share are no longer told to differ.
function chooseColumns(form) {
  const boxes = [...form.querySelectorAll("input")];
  const output = form.querySelector("output");
  const show = () => {
    const kept = boxes.filter((box) => box.checked).map((box) => box.dataset.for);
    for (const cell of document.querySelectorAll("[data-column]")) cell.hidden = !kept.includes(cell.dataset.column);
    for (const table of document.querySelectorAll(".cb-differ")) {
      let differing = 0;
      for (const row of table.tBodies[0].rows) {
        const values = [...row.querySelectorAll("td:not([hidden])")].map((cell) => cell.textContent);
        row.hidden = new Set(values).size < 2;
        differing += row.hidden ? 0 : 1;
      }
      table.closest(".cb-warning").hidden = differing === 0;
    }
    output.textContent = kept.length < 2 ? output.dataset.few : "";
  };
  const restore = () => {
    const wanted = (chosen().get("towns") || "").split(",").filter(Boolean);
    const known = boxes.filter((box) => wanted.includes(box.value));
    for (const box of boxes) box.checked = known.length === 0 || known.includes(box);
    show();
  };
  form.addEventListener("change", () => {
    const kept = boxes.filter((box) => box.checked);
    const all = kept.length === boxes.length || kept.length === 0;
    remember(new URLSearchParams(all ? [] : [["towns", kept.map((box) => box.value).join(",")]]));
    show();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", restore);
  form.hidden = boxes.length < 3;
  restore();
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".cb-filter").forEach(filterReports);
  document.querySelectorAll(".cb-columns").forEach(chooseColumns);
});
