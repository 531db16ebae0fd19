/* The screens of staff and admins: menus and messages that close by themselves, and a focus that is never lost. */
(() => {
  if (window.bookingMenus) return;
  window.bookingMenus = true;

  /* A button that is busy keeps the focus, so it is not disabled: presses of it, also by the keyboard, count for
     nothing. */
  addEventListener("click", (event) => {
    if (!event.target.closest?.("button[aria-disabled=true]")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);

  /* A menu closes when something in it was chosen, when one clicks elsewhere, and on Escape. */
  const open = () => document.querySelectorAll("details.menu[open]");
  addEventListener("click", (event) => {
    if (!event.isTrusted) return;
    for (const menu of open()) {
      const chosen = menu.contains(event.target) && event.target.closest(".menu-pop button");
      if (menu.contains(event.target) && !chosen) continue;
      menu.open = false;
      if (chosen) menu.querySelector("summary").focus({ preventScroll: true });
    }
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of open()) { menu.open = false; menu.querySelector("summary").focus(); }
  });

  /* Whoever uses something that then goes away goes on near to it: at what was focused before a message or a dialog,
     else at the first control of the smallest part around it that is still there, else at the heading of the page. */
  const CONTROLS = "a[href],button:not(:disabled),input,select,textarea,summary";
  const shown = (element) => element.isConnected && element.getClientRects().length > 0;
  let held = null, around = [];
  addEventListener("focusin", (event) => {
    held = event.target;
    if (held.closest(".snack-place,dialog")) return;
    around = [];
    for (let each = held; each && each.id !== "main" && each !== document.body; each = each.parentElement) around.push(each);
  });
  addEventListener("pointerdown", (event) => { if (!event.target.closest(CONTROLS)) held = null; });
  const regain = () => {
    if (!held || held.isConnected || document.activeElement !== document.body) return;
    held = null;
    const asked = document.querySelector("dialog[open]");
    if (asked) {
      [...asked.querySelectorAll(CONTROLS)].find(shown)?.focus();
      return;
    }
    const [last, ...parts] = around;
    let target = last && shown(last) && last.matches(CONTROLS) ? last : null;
    for (const part of parts) target ??= part.isConnected ? [...part.querySelectorAll(CONTROLS)].find(shown) : null;
    if (!target) {
      target = document.querySelector("#main h1");
      if (target) target.tabIndex = -1;
    }
    target?.focus({ preventScroll: true });
  };

  /* How an attempt to link an account ended is said once: the address forgets it. */
  const arrive = () => {
    const place = document.querySelector("#arrival:not([data-seen])");
    if (!place) return;
    place.dataset.seen = "1";
    if (location.search) history.replaceState(history.state, "", location.pathname);
    place.scrollIntoView({ block: "center" });
    place.focus({ preventScroll: true });
  };

  /* A message stays for eight seconds, and longer while it is pointed at or has the focus. */
  const leave = (snack) => {
    if (!snack.isConnected) return;
    const pointed = matchMedia("(hover: hover)").matches && snack.matches(":hover");
    if (pointed || snack.contains(document.activeElement)) setTimeout(leave, 3000, snack);
    else snack.querySelector("[data-away]")?.click();
  };
  const time = () => {
    for (const snack of document.querySelectorAll(".snack:not([data-timed])")) {
      snack.dataset.timed = "1";
      setTimeout(leave, 8000, snack);
    }
  };

  const settle = () => { arrive(); time(); regain(); };
  new MutationObserver(settle).observe(document.documentElement, { childList: true, subtree: true });
  settle();
})();
