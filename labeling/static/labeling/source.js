/* The item beside the answer: zoom, pages, turning, searching and comparing two pictures. Without this script, pictures
   and pages are shown and links turn the pages. */
import {button, make} from "./parts.js";

const form = document.querySelector("form[data-label-form]");

export class Source {
    constructor(root) {
        this.root = root;
        this.name = root.dataset.source;
        this.img = root.querySelector("img.picture");
        this.frame = root.querySelector("[data-frame]");
        this.page = Number(root.dataset.page || 1);
        this.pages = Number(root.dataset.pages || 1);
        this.isPdf = root.dataset.kind === "pdf";
        this.isText = root.querySelector("[data-source-text]") !== null;
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
        const rotate = button("Turn", () => this.rotate(), {title: "Turn by 90 degrees (o)"});
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

    rotate() {
        this.rotation = (this.rotation + 90) % 360;
        this.load();
        if (this.words) this.find(this.words, false);
    }

    // Does what a key asks of this picture; whether it asks for anything.
    obey(key) {
        const acts = {"+": () => this.zoomTo(this.zoom * 1.25), "-": () => this.zoomTo(this.zoom / 1.25), 0: () => this.zoomTo(1)};
        if (this.isPdf) Object.assign(acts, {"[": () => this.turnTo(this.page - 1), "]": () => this.turnTo(this.page + 1), o: () => this.rotate()});
        acts[key]?.();
        return key in acts;
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

    // A page that is turned is searched again, since the places are those of the picture.
    async find(words, isAsked = true) {
        const rotation = this.rotation;
        this.words = words;
        this.hits = [];
        this.showHits();
        this.say("Searching…");
        const told = await this.ask("findUrl", {q: words});
        if (!told || rotation !== this.rotation) return;
        this.hits = told.hits;
        this.hitsRotation = rotation;
        const count = told.hits.length === 1 ? "1 place" : `${told.hits.length} places`;
        const searched = told.searched < told.pages ? ` Searched were ${told.searched} of ${told.pages} pages.` : "";
        this.say(`${count} found.${searched}`);
        const pages = [...new Set(told.hits.map((hit) => hit.page))];
        this.found.replaceChildren(...pages.slice(0, 12).map((page) => button(`Page ${page}`, () => this.turnTo(page))));
        if (isAsked && pages.length && !pages.includes(this.page)) this.turnTo(pages[0]);
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

// Two pictures of one item: beside each other, or one over the other.
export function compare(first, second) {
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
