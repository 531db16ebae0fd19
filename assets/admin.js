/* A button that is busy keeps the focus, so it is not disabled: presses of it, also by the keyboard, count for nothing.
   A menu closes when something in it was chosen, when one clicks elsewhere, and on Escape. */
(() => {
  if (window.bookingMenus) return;
  window.bookingMenus = true;
  addEventListener("click", (event) => {
    if (!event.target.closest?.("button[aria-disabled=true]")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
  const open = () => document.querySelectorAll("details.menu[open]");
  addEventListener("click", (event) => {
    for (const menu of open()) {
      const inside = menu.contains(event.target);
      if (!inside || event.target.closest(".menu-pop button")) menu.open = false;
    }
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of open()) { menu.open = false; menu.querySelector("summary").focus(); }
  });
})();
