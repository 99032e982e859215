/* The item beside the answer: zoom, pages, turning, searching, comparing two pictures, and filling a field of the
   answer from words on a page. Without this script, pictures and pages are shown and links turn the pages. */
"use strict";
{
    const form = document.querySelector("form[data-label-form]");
    const make = (tag, options = {}, ...children) => {
        const {data = {}, aria = {}, ...rest} = options;
        const element = Object.assign(document.createElement(tag), rest);
        Object.assign(element.dataset, data);
        for (const [name, value] of Object.entries(aria)) element.setAttribute(`aria-${name}`, value);
        element.append(...children);
        return element;
    };
    const button = (text, act, more = {}) => {
        const made = make("button", {type: "button", className: "btn small", ...more}, text);
        made.addEventListener("click", act);
        return made;
    };
    const isTyping = (target) => Boolean(target.closest("input:not([type=radio]):not([type=checkbox]), textarea:not([readonly]), select, dialog"));
    const keysAllowed = () => localStorage.getItem("workbench.keys") !== "off";

    // ---- one picture or page -------------------------------------------------------------------------------
    class Source {
        constructor(root) {
            this.root = root;
            this.name = root.dataset.source;
            this.img = root.querySelector("img.picture");
            this.frame = root.querySelector("[data-frame]");
            this.page = Number(root.dataset.page || 1);
            this.pages = Number(root.dataset.pages || 1);
            this.isPdf = root.dataset.kind === "pdf";
            this.rotation = 0;
            this.zoom = 1;
            this.hits = [];
            this.bar = make("div", {className: "tool-bar", role: "group", aria: {label: `View of ${this.name}`}});
            this.state = make("p", {className: "muted source-state", role: "status"});
            if (!this.img) return;
            this.stage = make("div", {className: "picture-stage"});
            this.img.replaceWith(this.stage);
            this.stage.append(this.img);
            this.frame.before(this.bar, this.state);
            this.bar.append(
                button("−", () => this.zoomTo(this.zoom / 1.25), {title: "Smaller (-)", aria: {label: "Smaller"}}),
                button("+", () => this.zoomTo(this.zoom * 1.25), {title: "Larger (+)", aria: {label: "Larger"}}),
                button("Fit", () => this.zoomTo(1), {title: "Fit the width (0)"}),
            );
            if (this.isPdf) this.addPageTools();
            this.img.addEventListener("load", () => this.drawn());
            this.img.addEventListener("error", () => this.say("The picture could not be loaded."));
        }

        get size() { return [this.img.naturalWidth, this.img.naturalHeight]; }

        say(text) { this.state.textContent = text; }

        address(name, more = {}) {
            const asked = new URLSearchParams({column: this.name, page: this.page, rotation: this.rotation, ...more});
            return `${form.dataset[name]}&${asked}`;
        }

        zoomTo(factor) {
            this.zoom = Math.min(Math.max(factor, 0.25), 8);
            this.stage.style.width = `${Math.round(this.zoom * 100)}%`;
        }

        addPageTools() {
            this.root.querySelector("[data-page-links]")?.remove();
            this.where = make("span", {className: "this-page"});
            this.before = button("Page before", () => this.turnTo(this.page - 1), {title: "Page before ([)"});
            this.after = button("Page after", () => this.turnTo(this.page + 1), {title: "Page after (])"});
            const rotate = button("Turn", () => { this.rotation = (this.rotation + 90) % 360; this.load(); }, {title: "Turn by 90 degrees (o)"});
            const words = make("input", {type: "search", maxLength: 200, aria: {label: `Search in ${this.name}`}, placeholder: "Search the pages"});
            const search = make("form", {className: "row", role: "search"}, words, make("button", {type: "submit", className: "btn small"}, "Find"));
            search.addEventListener("submit", (event) => { event.preventDefault(); this.find(words.value); });
            this.found = make("div", {className: "row"});
            this.bar.append(this.before, this.where, this.after, rotate, search);
            this.bar.after(this.found);
            this.showPage();
        }

        showPage() {
            if (!this.where) return;
            this.where.textContent = `page ${this.page} of ${this.pages}`;
            this.before.disabled = this.page <= 1;
            this.after.disabled = this.page >= this.pages;
        }

        turnTo(page) {
            if (page < 1 || page > this.pages || page === this.page) return;
            this.page = page;
            this.load();
        }

        load() {
            this.showPage();
            this.showHits();
            this.img.alt = `${this.name}, page ${this.page}`;
            this.img.src = this.address("fileUrl");
        }

        drawn() { this.root.dispatchEvent(new CustomEvent("drawn", {detail: this})); this.showHits(); }

        async ask(name, more) {
            try {
                const answer = await fetch(this.address(name, more), {headers: {Accept: "application/json"}});
                const told = await answer.json();
                if (!answer.ok) throw new Error(told.error);
                return told;
            } catch (error) {
                this.say(error instanceof TypeError ? "No connection; try again." : error.message);
                return null;
            }
        }

        async find(words) {
            this.hits = [];
            this.showHits();
            this.say("Searching…");
            const told = await this.ask("findUrl", {q: words});
            if (!told) return;
            this.hits = told.hits;
            this.hitsRotation = this.rotation;
            const searched = told.searched < told.pages ? ` Searched were ${told.searched} of ${told.pages} pages.` : "";
            this.say(`${told.hits.length} places found.${searched}`);
            this.found.replaceChildren(...[...new Set(told.hits.map((hit) => hit.page))].slice(0, 12).map((page) =>
                button(`Page ${page}`, () => this.turnTo(page))));
            if (told.hits.length && !told.hits.some((hit) => hit.page === this.page)) this.turnTo(told.hits[0].page);
            this.showHits();
        }

        showHits() {
            this.stage.querySelectorAll(".hit").forEach((mark) => mark.remove());
            const [width, height] = this.size;
            if (!width || this.hitsRotation !== this.rotation) return;
            for (const hit of this.hits.filter((one) => one.page === this.page)) {
                for (const [x, y, w, h] of hit.boxes) {
                    const mark = make("div", {className: "hit"});
                    Object.assign(mark.style, {left: `${x / width * 100}%`, top: `${y / height * 100}%`, width: `${w / width * 100}%`, height: `${h / height * 100}%`});
                    this.stage.append(mark);
                }
            }
        }
    }

    // ---- two pictures of one item: beside each other, or one over the other ----------------------------------
    function compare(first, second) {
        const pair = make("div", {className: "picture-pair"});
        first.root.before(pair);
        pair.append(first.root, second.root);
        const over = make("img", {className: "picture-over", src: second.img.src, alt: "", hidden: true});
        const swap = () => { over.hidden = !over.hidden; };
        let timer = null;
        const flicker = button("Flicker", () => {
            if (timer) {
                clearInterval(timer);
                timer = null;
                over.hidden = true;
            } else {
                first.stage.append(over);
                swap();
                // Below three flashes a second (WCAG 2.3.1); who asked for less motion swaps by hand.
                if (!matchMedia("(prefers-reduced-motion: reduce)").matches) timer = setInterval(swap, 600);
            }
            flicker.setAttribute("aria-pressed", String(Boolean(timer) || !over.hidden));
        }, {title: `Show ${second.name} over ${first.name}, on and off (x)`, data: {key: "x"}, aria: {pressed: "false"}});
        const beside = button("Side by side", () => {
            const isBeside = pair.classList.toggle("beside");
            beside.setAttribute("aria-pressed", String(isBeside));
        }, {aria: {pressed: "false"}});
        first.bar.append(beside, flicker);
        first.root.addEventListener("drawn", () => first.stage.append(over));
        const together = first.zoomTo.bind(first);
        first.zoomTo = (factor) => { together(factor); second.zoomTo(first.zoom); };
        first.frame.addEventListener("scroll", () => second.frame.scrollTo(first.frame.scrollLeft, first.frame.scrollTop), {passive: true});
    }

    // ---- filling a field of the answer -------------------------------------------------------------------------
    const FILLED = "input:not([type=hidden]):not([type=radio]):not([type=checkbox]), textarea:not([data-marks])";
    const fields = () => Array.from(form?.querySelectorAll(`[data-answer] :is(${FILLED})`) ?? []).filter((field) => field.name);
    const nameOf = (field) => field.labels?.[0]?.textContent.trim() || field.name;

    class Filler {
        constructor() {
            this.choice = make("select", {aria: {label: "Field to fill"}}, ...fields().map((field) => make("option", {value: field.name}, nameOf(field))));
            form.addEventListener("focusin", (event) => {
                if (fields().includes(event.target)) this.choice.value = event.target.name;
            });
        }

        fill(text, source) {
            const field = fields().find((one) => one.name === this.choice.value);
            const value = field && asValue(field, text.trim());
            if (!text.trim()) return source.say("There are no words in this place.");
            if (value === null) return source.say(`“${text.trim().slice(0, 60)}” does not go into “${nameOf(field)}”; type it.`);
            field.value = field.tagName === "TEXTAREA" && field.value.trim() ? `${field.value.trimEnd()}\n${value}` : value;
            field.dispatchEvent(new Event("input", {bubbles: true}));
            field.dispatchEvent(new Event("change", {bubbles: true}));
            source.say(`“${value.slice(0, 60)}” is in “${nameOf(field)}”.`);
        }
    }

    function asValue(field, text) {
        if (field.type === "number") return asNumber(text);
        if (field.type === "date") return /\d{4}-\d{2}-\d{2}/.exec(text)?.[0] ?? null;
        return field.tagName === "TEXTAREA" ? text : text.replace(/\s*\n\s*/g, " ");
    }

    // The last of comma and point stands before the cents; three digits behind the only one are thousands.
    function asNumber(text) {
        const found = /-?\d[\d.,'\u00a0\u202f ]*/.exec(text)?.[0].replace(/['\s\u00a0\u202f]/g, "").replace(/[.,]+$/, "");
        if (!found) return null;
        const last = Math.max(found.lastIndexOf("."), found.lastIndexOf(","));
        const marks = found.replace(/[^.,]/g, "");
        const isThousands = marks.length && new Set(marks).size === 1 && (marks.length > 1 || (marks === "," && found.length - last === 4));
        if (last < 0 || isThousands) return found.replace(/[.,]/g, "");
        return `${found.slice(0, last).replace(/[.,]/g, "")}.${found.slice(last + 1)}`;
    }

    function addReading(source, filler) {
        const panel = make("div", {className: "tool-bar", role: "group", aria: {label: "Fill a field from this page"}});
        const places = ["x", "y", "width", "height"].map((name) => make("input", {type: "number", min: 0, step: "any", name, aria: {label: name}, placeholder: name}));
        const typed = make("form", {className: "row typed-box"}, ...places, make("button", {type: "submit", className: "btn small"}, "Read this box"));
        typed.addEventListener("submit", (event) => {
            event.preventDefault();
            read(Object.fromEntries(places.map((one) => [one.name, one.value])));
        });
        const read = async (box) => {
            const told = await source.ask("wordsUrl", box);
            if (told) filler.fill(told.text, source);
        };
        const words = make("p", {className: "long-text", tabIndex: 0, data: {sourceText: source.name}});
        const whole = make("details", {}, make("summary", {}, "Words of the page"), words);
        whole.addEventListener("toggle", async () => {
            if (whole.open) words.textContent = (await source.ask("wordsUrl", {}))?.text || "This page holds no text, only a picture.";
        });
        source.root.addEventListener("drawn", () => { whole.open = false; });
        const hint = make("span", {className: "muted"}, "Draw a box on the page, or select words below it.");
        panel.append(make("label", {className: "row"}, "Fills ", filler.choice), hint);
        source.frame.before(panel);
        source.frame.after(make("details", {}, make("summary", {}, "Box by its place, in pixels"), typed), whole, selectionButton(source, filler));
        draw(source, read);
    }

    function selectionButton(source, filler) {
        return button("Fill from the selected words", () => {
            const chosen = window.getSelection();
            const inside = chosen.anchorNode?.parentElement?.closest("[data-source-text]");
            filler.fill(inside ? chosen.toString() : "", source);
        }, {title: "Puts the selected words into the field (t)", data: {key: "t"}});
    }

    // A box drawn on a page is read and goes again; it is no part of the answer.
    function draw(source, read) {
        let annotator = null;
        const start = () => {
            annotator?.destroy();
            annotator = window.Annotorious.createImageAnnotator(source.img, {drawingEnabled: true, drawingMode: "drag", userSelectAction: "NONE"});
            annotator.setDrawingTool("rectangle");
            annotator.on("createAnnotation", (made) => {
                const {x, y, w, h} = made.target.selector.geometry, [width, height] = source.size;
                const left = Math.max(x, 0), top = Math.max(y, 0);
                annotator.clearAnnotations();
                read({x: left, y: top, width: Math.min(x + w, width) - left, height: Math.min(y + h, height) - top});
            });
        };
        source.root.addEventListener("drawn", start);
        if (source.img.complete && source.img.naturalWidth) start();
    }

    // ---- keys ----------------------------------------------------------------------------------------------------
    const sources = new Map();
    let last = null;  // the picture that keys speak of

    function onKey(event) {
        if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || !keysAllowed()) return;
        const spot = document.querySelector(`.desk [data-key="${CSS.escape(event.key)}"]`);
        const acts = {
            "[": () => last?.isPdf && last.turnTo(last.page - 1),
            "]": () => last?.isPdf && last.turnTo(last.page + 1),
            "+": () => last?.zoomTo(last.zoom * 1.25),
            "-": () => last?.zoomTo(last.zoom / 1.25),
            "0": () => last?.zoomTo(1),
            "o": () => { if (last?.isPdf) { last.rotation = (last.rotation + 90) % 360; last.load(); } },
        };
        if (spot) spot.click();
        else if (acts[event.key]) acts[event.key]();
        else return;
        event.preventDefault();
    }

    function start() {
        const marked = new Set(Array.from(document.querySelectorAll("[data-marks]")).map((field) => JSON.parse(field.dataset.marks).column));
        for (const root of document.querySelectorAll("[data-source]")) {
            const source = new Source(root);
            sources.set(source.name, source);
            if (source.img) {
                last ??= source;
                root.addEventListener("pointerdown", () => { last = source; });
            }
        }
        const pictures = [...sources.values()].filter((source) => source.img && !source.isPdf);
        if (pictures.length === 2) compare(...pictures.sort((one, other) => marked.has(other.name) - marked.has(one.name)));
        if (form && fields().length) {
            const filler = new Filler();
            const pdfs = [...sources.values()].filter((source) => source.isPdf && source.img && !marked.has(source.name));
            pdfs.slice(0, 1).forEach((source) => addReading(source, filler));
            if (!pdfs.length) {
                for (const source of [...sources.values()].filter((one) => !one.img && !marked.has(one.name)).slice(0, 1)) {
                    source.root.append(make("label", {className: "row"}, "Fills ", filler.choice), selectionButton(source, filler), source.state);
                }
            }
        }
        document.addEventListener("keydown", onKey);
    }

    window.Labelling = {sources, make, button, isTyping, keysAllowed};
    start();
}
