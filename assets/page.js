/* What runs in the browser without asking the server: ages that count, arrow keys, Escape, focus. See components/browser.py. */
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  let skew = 0;

  const length = (seconds) =>
    seconds < 60 ? `${seconds} s` : seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;

  const tick = () => {
    const mark = document.querySelector("[data-server-now]");
    if (mark && mark.dataset.serverNow !== mark.dataset.seen) {
      mark.dataset.seen = mark.dataset.serverNow;
      skew = mark.dataset.serverNow - Date.now() / 1000;
    }
    const now = Date.now() / 1000 + skew;
    for (const e of all("[data-age]")) put(e, `${length(Math.max(0, Math.round(now - e.dataset.age)))} ago`);
    for (const e of all("[data-until]")) {
      const left = Math.max(0, Math.round(e.dataset.until - now));
      put(e, left >= 60 ? `${Math.floor(left / 60)} min ${String(left % 60).padStart(2, "0")} s` : `${left} s`);
    }
    for (const e of all("[data-good-until]")) e.toggleAttribute("data-late", e.dataset.goodUntil > 0 && now > e.dataset.goodUntil);
    for (const e of all("[data-clock]")) {
      const changes = e.dataset.clock.split(" ").map((each) => each.split(":").map(Number));
      const [, offset] = changes.findLast(([since]) => since <= now) ?? changes[0];
      put(e, new Date((now + offset) * 1000).toISOString().slice(11, 16).replace(/^0(?=\d)/, ""));
    }
  };
  setInterval(() => { tick(); unreachable(); }, 1000);

  /* Said once the server was away for as long: a page that cannot reach it must not be a dead end. */
  const PATIENCE = 6000;
  let away = null;
  const unreachable = () => {
    const place = document.querySelector("[data-unreachable]");
    if (!place) { away = null; return; }
    away ??= Date.now();
    if (Date.now() - away < PATIENCE || place.childNodes.length) return;
    const { phone, email } = window.bookingContact || {};
    const way = (href, text) => Object.assign(document.createElement("a"), { href, textContent: text });
    const ways = [];
    if (phone) ways.push("by phone: ", way(`tel:${phone.replace(/[^+\d]/g, "")}`, phone));
    if (phone && email) ways.push(", or ");
    if (email) ways.push("by mail: ", way(`mailto:${email}`, email));
    place.append(" This page cannot reach us from your network. ", ...(ways.length ? ["You can also book ", ...ways, "."] : ["Please try again later."]));
  };

  /* Focus goes to what appears with data-focus or as a dialog, and back to where it was when a dialog closes. */
  let before = null;
  const settle = () => {
    tick();
    pressed();
    const wanted = document.querySelector("[data-focus]:not([data-focused])");
    if (wanted) { wanted.dataset.focused = "1"; wanted.focus(); wanted.scrollIntoView({ block: "nearest" }); }
    const dialog = document.querySelector('[role="dialog"]');
    if (dialog && !dialog.dataset.focused) {
      dialog.dataset.focused = "1";
      before = document.activeElement;
      (dialog.querySelector("input,select,textarea,button") || dialog).focus();
    } else if (!dialog && before) {
      if (before.isConnected) before.focus();
      before = null;
    }
    const done = document.querySelector("[data-forget]");
    if (done) sessionStorage.removeItem(`typed:${done.dataset.forget}`);
    all("form[data-keep]:not([data-unpacked])").forEach(unpack);
    enter();
    all("[data-list]").forEach(keepOneStop);
    for (const grid of all("[data-grid][data-return]")) {
      const buttons = all("button", grid);
      const index = Math.min(+grid.dataset.return, buttons.length - 1);
      if (grid.dataset.returnFrom !== grid.dataset.label && buttons[index]) {
        delete grid.dataset.return;
        rove(buttons, buttons[index]);
      }
    }
  };
  new MutationObserver(settle).observe(document.documentElement, {
    childList: true, subtree: true, attributes: true,
    attributeFilter: ["aria-busy", "data-age", "data-until", "data-good-until", "data-clock", "data-server-now", "data-focus", "data-label"],
  });

  /* A button that is pressed before the page is drawn is pressed once it is: the opening would take back what it did. */
  const BUSY = 'main[aria-busy="true"]';
  let early = null;
  const pressed = () => {
    if (!early || document.querySelector(BUSY)) return;
    const button = early;
    early = null;
    button.click();
  };
  addEventListener("click", (event) => {
    const button = event.target.closest?.(`${BUSY} button`);
    if (!button) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    early = button;
  }, true);

  /* A step with data-back has an entry of its own in the history: the browser's Back presses that button, and leaving
     the step in any other way takes the entry away. The router hears nothing of it: the page stays the same. */
  let step = null, leaving = false;
  const enter = () => {
    const shown = document.querySelector("[data-back]");
    if (shown === step) return;
    if (shown && !step && !history.state?.step) history.pushState({ ...history.state, step: location.pathname }, "");
    if (!shown && history.state?.step === location.pathname) { leaving = true; history.back(); }
    step = shown;
  };
  addEventListener("popstate", (event) => {
    const left = step?.isConnected && !event.state?.step && document.getElementById(step.dataset.back);
    if (!leaving && !left) return;
    event.stopImmediatePropagation();
    if (!leaving) left.click();
    leaving = false;
  }, true);

  /* What is typed in a form with data-keep survives a reload of this tab, in the browser only. */
  const drawer = (form) => `typed:${form.dataset.keep}`;
  const unpack = (form) => {
    form.dataset.unpacked = "1";
    const typed = JSON.parse(sessionStorage.getItem(drawer(form)) || "{}");
    for (const [name, value] of Object.entries(typed)) {
      const field = form.elements[name];
      if (field && !field.value) field.value = value;
    }
  };
  addEventListener("input", (event) => {
    const form = event.target.form;
    if (!form?.dataset.keep) return;
    const typed = Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
    sessionStorage.setItem(drawer(form), JSON.stringify(typed));
  });

  addEventListener("focusin", (event) => {
    const list = event.target.dataset?.zones && document.getElementById(event.target.getAttribute("list"));
    if (list && !list.children.length) {
      list.append(...Intl.supportedValuesOf("timeZone").map((zone) => new Option(zone, zone)));
    }
  });

  /* A data-list is one stop of the Tab key. Arrow keys go on, up and down to what is drawn there. */
  const choices = (list) => all("button:not(:disabled)", list);
  const keepOneStop = (list) => {
    const buttons = choices(list);
    const known = list.dataset.known === list.dataset.label && buttons.find((each) => each.dataset.stop);
    const stop = known || buttons.find((each) => each.ariaPressed === "true") || buttons[0];
    list.dataset.known = list.dataset.label;
    for (const each of buttons) {
      each.tabIndex = each === stop ? 0 : -1;
      if (each === stop) each.dataset.stop = "1"; else delete each.dataset.stop;
    }
  };
  addEventListener("focusin", (event) => {
    const list = event.target.closest?.("[data-list]");
    if (!list) return;
    for (const each of choices(list)) delete each.dataset.stop;
    event.target.dataset.stop = "1";
    keepOneStop(list);
  });
  const nextRow = (buttons, from, way) => {
    const here = from.getBoundingClientRect();
    const away = (each) => {
      const there = each.getBoundingClientRect();
      return way * (there.top - here.top) * 1000 + Math.abs(there.left - here.left);
    };
    return buttons.filter((each) => away(each) > 2000).sort((a, b) => away(a) - away(b))[0];
  };
  const onList = (event, list) => {
    const buttons = choices(list);
    const index = buttons.indexOf(event.target);
    const to = {
      ArrowLeft: () => buttons[index - 1], ArrowRight: () => buttons[index + 1],
      ArrowUp: () => nextRow(buttons, event.target, -1), ArrowDown: () => nextRow(buttons, event.target, 1),
      Home: () => buttons[0], End: () => buttons[buttons.length - 1],
    }[event.key];
    if (index < 0 || !to) return;
    event.preventDefault();
    to()?.focus();
  };

  const rove = (buttons, target) => {
    for (const button of buttons) button.tabIndex = button === target ? 0 : -1;
    target.focus();
  };

  addEventListener("click", (event) => {
    const copy = event.target.closest?.("[data-copied]");
    if (copy) { const label = copy.textContent; put(copy, copy.dataset.copied); setTimeout(() => put(copy, label), 2000); }
    if (event.target.closest?.(".skip")) { event.preventDefault(); document.getElementById("main")?.focus(); }
  });

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const dialog = document.querySelector('[role="dialog"]');
    if (dialog && event.key === "Escape") {
      event.preventDefault();
      dialog.querySelector("[data-close]")?.click();
      return;
    }
    if (dialog && event.key === "Tab") {
      const stops = all("a[href],button:not(:disabled),input,select,textarea", dialog);
      const edge = event.shiftKey ? stops[0] : stops[stops.length - 1];
      if (document.activeElement === edge || !dialog.contains(document.activeElement)) {
        event.preventDefault();
        (event.shiftKey ? stops[stops.length - 1] : stops[0])?.focus();
      }
      return;
    }
    const list = event.target.closest?.("[data-list]");
    if (list) onList(event, list);
    const grid = event.target.closest?.("[data-grid]");
    if (!grid) return;
    const buttons = all("button", grid);
    const index = buttons.indexOf(event.target);
    const across = +grid.dataset.grid;
    const column = (index + +(grid.dataset.offset || 0)) % across;
    const turn = { PageUp: grid.dataset.previous, PageDown: grid.dataset.next }[event.key];
    if (turn) {
      event.preventDefault();
      const other = document.getElementById(turn);
      if (other && !other.disabled) {
        grid.dataset.return = index;
        grid.dataset.returnFrom = grid.dataset.label;
        other.click();
      }
      return;
    }
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across, Home: -column, End: across - 1 - column };
    if (index < 0 || !(event.key in steps)) return;
    event.preventDefault();
    rove(buttons, buttons[Math.max(0, Math.min(buttons.length - 1, index + steps[event.key]))]);
  });
})();
