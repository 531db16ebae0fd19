/* A menu closes when something in it was chosen, when one clicks elsewhere, and on Escape. */
(() => {
  if (window.bookingMenus) return;
  window.bookingMenus = true;
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
