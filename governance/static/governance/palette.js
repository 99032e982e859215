/* The command palette: Ctrl-K (or Cmd-K) opens it on every page. What it offers, the server says. */
const WAIT = 180;
const dialog = document.getElementById("palette");

// Buttons of the page itself; a button is pressed, a link followed.
function onThisPage() {
    const found = document.querySelectorAll("main .page-actions a[href], main .page-actions button:not([disabled])");
    return Array.from(found).filter((one) => one.checkVisibility()).map((one) => ({
        label: (one.innerText || one.value).trim(), act: () => one.click(),
    })).filter((one) => one.label);
}

function start() {
    const field = dialog.querySelector("input");
    const list = dialog.querySelector("[role=listbox]");
    const state = dialog.querySelector("[role=status]");
    let asked = 0;
    let timer = 0;
    let here = [];
    const options = () => Array.from(list.querySelectorAll("[role=option]"));

    const mark = (place) => {
        const all = options();
        if (!all.length) return field.removeAttribute("aria-activedescendant");
        const chosen = all[(place + all.length) % all.length];
        all.forEach((one) => one.setAttribute("aria-selected", String(one === chosen)));
        field.setAttribute("aria-activedescendant", chosen.id);
        chosen.scrollIntoView({block: "nearest"});
    };
    const chosen = () => options().findIndex((one) => one.getAttribute("aria-selected") === "true");

    const option = (entry, number) => {
        const item = document.createElement("li");
        item.id = `palette-${number}`;
        item.setAttribute("role", "option");
        item.textContent = entry.label;
        item.act = entry.act ?? (() => window.location.assign(entry.url));
        return item;
    };

    const show = (groups) => {
        let number = 0;
        list.replaceChildren(...groups.filter((group) => group.entries.length).map((group, place) => {
            const part = document.createElement("ul");
            const title = document.createElement("li");
            title.id = `palette-group-${place}`;
            title.setAttribute("role", "presentation");
            title.className = "palette-title";
            title.textContent = group.title;
            part.setAttribute("role", "group");
            part.setAttribute("aria-labelledby", title.id);
            part.append(title, ...group.entries.map((entry) => option(entry, number++)));
            return part;
        }));
        state.textContent = number ? `${number} found` : "Nothing found";
        mark(0);
    };

    const ask = async () => {
        const mine = ++asked;
        const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
        const own = {title: "On this page", entries: here.filter((one) => words.every((word) => one.label.toLowerCase().includes(word)))};
        try {
            const answer = await fetch(`${dialog.dataset.url}?q=${encodeURIComponent(field.value)}`, {headers: {Accept: "application/json"}});
            if (!answer.ok || answer.redirected) throw new Error(`palette answered ${answer.status}`);
            const {groups} = await answer.json();
            if (mine === asked) show([own, ...groups]);
        } catch {
            if (mine !== asked) return;
            show([own]);
            state.textContent = "The server does not answer; try again.";
        }
    };

    const open = () => {
        if (dialog.open || document.querySelector("dialog[open]")) return;
        here = onThisPage();
        field.value = "";
        dialog.showModal();
        ask();
    };
    const take = (item) => {
        if (!item) return;
        dialog.close();
        item.act();
    };

    document.addEventListener("keydown", (event) => {
        if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
        event.preventDefault();
        open();
    });
    document.querySelectorAll("[data-open-palette]").forEach((button) => button.addEventListener("click", open));
    field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, WAIT); });
    field.addEventListener("keydown", (event) => {
        const keys = {
            ArrowDown: () => mark(chosen() + 1), ArrowUp: () => mark(chosen() - 1),
            Enter: () => take(options()[chosen()]),
        };
        if (!keys[event.key]) return;
        event.preventDefault();
        keys[event.key]();
    });
    list.addEventListener("click", (event) => take(event.target.closest("[role=option]")));
}

if (dialog) start();
