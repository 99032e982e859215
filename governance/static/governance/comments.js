/* Offers people after an @ in a comment: only those who may see the row. Typing the name works without it. */
const TYPED = /(?:^|[^\w.+@-])@([\w.@+-]*)$/;
const WAIT = 150;

function start(form) {
    const field = form.querySelector("textarea");
    const list = form.querySelector(".suggestions");
    let asked = 0;
    let timer = 0;
    let chosen = -1;

    field.setAttribute("aria-controls", list.id);
    field.setAttribute("aria-autocomplete", "list");

    const close = () => {
        asked += 1;
        chosen = -1;
        list.hidden = true;
        list.replaceChildren();
        field.removeAttribute("aria-activedescendant");
    };

    const typed = () => field.value.slice(0, field.selectionStart).match(TYPED)?.[1];

    const take = (username) => {
        const end = field.selectionStart;
        field.setRangeText(`${username} `, end - typed().length, end, "end");
        field.dispatchEvent(new Event("input", {bubbles: true}));
        close();
        field.focus();
    };

    const mark = (place) => {
        chosen = (place + list.children.length) % list.children.length;
        Array.from(list.children).forEach((one, index) => one.setAttribute("aria-selected", String(index === chosen)));
        field.setAttribute("aria-activedescendant", list.children[chosen].id);
    };

    const show = (people) => {
        if (!people.length) return close();
        list.replaceChildren(...people.map((one, index) => {
            const item = document.createElement("li");
            item.id = `person-${index}`;
            item.setAttribute("role", "option");
            item.dataset.username = one.username;
            item.textContent = one.name === one.username ? one.name : `${one.name} (${one.username})`;
            return item;
        }));
        list.hidden = false;
        mark(0);
    };

    const ask = async (text) => {
        const mine = ++asked;
        try {
            const answer = await fetch(`${form.dataset.peopleUrl}?q=${encodeURIComponent(text)}`, {headers: {Accept: "application/json"}});
            const found = answer.ok && !answer.redirected ? (await answer.json()).people : [];
            if (mine === asked) show(found);
        } catch {
            if (mine === asked) close();
        }
    };

    field.addEventListener("input", () => {
        clearTimeout(timer);
        const text = typed();
        if (text === undefined) return close();
        timer = setTimeout(ask, WAIT, text);
    });
    field.addEventListener("keydown", (event) => {
        if (list.hidden) return;
        const keys = {
            ArrowDown: () => mark(chosen + 1), ArrowUp: () => mark(chosen - 1), Escape: close,
            Enter: () => take(list.children[chosen].dataset.username), Tab: () => take(list.children[chosen].dataset.username),
        };
        if (!keys[event.key]) return;
        event.preventDefault();
        event.stopPropagation();
        keys[event.key]();
    });
    list.addEventListener("mousedown", (event) => {
        event.preventDefault();
        const item = event.target.closest("li");
        if (item) take(item.dataset.username);
    });
    field.addEventListener("blur", () => { clearTimeout(timer); close(); });
}

document.querySelectorAll("form[data-comment]").forEach(start);
