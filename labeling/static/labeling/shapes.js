/* Boxes and polygons on a picture, in pixels of the original. */
import {Marks} from "./marks.js";
import {button, make} from "./parts.js";

export class Shapes extends Marks {
    noun(record) { return record.points ? "Polygon" : "Box"; }

    get size() { return this.source?.img ? this.source.size : [0, 0]; }

    tools() {
        this.tool = "rectangle";
        const kinds = [["rectangle", "Box", "b"], ...(this.told.polygons ? [["polygon", "Polygon", "g"]] : []), ["select", "Select", "v"]];
        this.toolButtons = new Map(kinds.map(([tool, words, key]) => {
            const made = button(words, () => this.use(tool), {title: `${words} (${key})`, data: {key}, aria: {pressed: String(tool === this.tool)}});
            return [tool, made];
        }));
        const typed = button("Add a box by its place", () => this.addTyped());
        return make("div", {className: "tool-bar", role: "group", aria: {label: "Drawing"}}, ...this.toolButtons.values(), this.undoButton, this.redoButton, typed);
    }

    start() {
        if (!this.source?.img) {
            this.state.textContent = "There is no picture to draw on; give each box by its place.";
            return;
        }
        this.source.root.addEventListener("drawn", () => this.open());
        if (this.source.img.complete && this.source.img.naturalWidth) this.open();
    }

    open() {
        this.annotator?.destroy();
        this.annotator = window.Annotorious.createImageAnnotator(this.source.img, {
            drawingEnabled: true, drawingMode: "drag", userSelectAction: "EDIT", autoSave: true,
        });
        // Its own option for colours writes style attributes, which the policy refuses.
        this.painter?.disconnect();
        this.painter = new MutationObserver(() => this.paint());
        this.painter.observe(this.annotator.element, {childList: true, subtree: true});
        this.annotator.on("createAnnotation", (mark) => {
            const place = this.records.length;
            this.change(() => { this.records.push({[this.told.nameKey]: this.chosen, ...this.placed(mark.target.selector)}); });
            this.state.textContent = `${this.noun(this.records[place])} ${place + 1} of ${this.chosen}.`;
        });
        this.annotator.on("updateAnnotation", (mark) => {
            const place = Number(mark.id.slice(1));
            if (this.isDrawing || !this.records[place]) return;
            this.past.push(this.text());
            this.future = [];
            this.records[place] = {...this.records[place], ...this.placed(mark.target.selector)};
            this.field.value = this.text();
            this.field.dispatchEvent(new Event("input", {bubbles: true}));
            this.rows.children[place]?.replaceWith(this.row(this.records[place], place));
            this.undoButton.disabled = false;
        });
        this.annotator.on("selectionChanged", (marks) => {
            if (this.isDrawing) return;
            const place = marks.length ? Number(marks[0].id.slice(1)) : null;
            if (place !== null && Number.isInteger(place)) { this.selected = null; this.isDrawing = true; this.select(place); this.isDrawing = false; } else this.selected = null;
        });
        this.use(this.tool);
        this.draw();
    }

    use(tool) {
        this.tool = tool;
        this.toolButtons.forEach((made, name) => made.setAttribute("aria-pressed", String(name === tool)));
        if (!this.annotator) return;
        const isDrawing = tool !== "select";
        this.annotator.cancelDrawing();
        this.annotator.setSelected();
        this.annotator.setUserSelectAction(isDrawing ? "NONE" : "EDIT");
        this.annotator.setDrawingEnabled(isDrawing);
        if (!isDrawing) return;
        this.annotator.setDrawingMode(tool === "polygon" ? "click" : "drag");
        this.annotator.setDrawingTool(tool);
    }

    paint() {
        for (const group of this.annotator.element.querySelectorAll("g.a9s-annotation[data-id]")) {
            const record = this.records[Number(group.dataset.id.slice(1))];
            const colour = this.colours.get(record?.[this.told.nameKey]);
            const inner = group.querySelector(".a9s-inner");
            if (colour && inner) Object.assign(inner.style, {stroke: colour, strokeWidth: "2.5px", fill: `${colour}26`});
        }
    }

    draw() {
        if (!this.annotator || this.isDrawing) return;
        this.isDrawing = true;
        this.annotator.setAnnotations(this.records.map((record, place) => this.mark(record, place)).filter(Boolean), true);
        this.isDrawing = false;
        this.paint();
        this.warn();
    }

    corners(record) {
        const [x, y, third, fourth] = this.told.places.map((key) => Number(record[key]));
        return this.told.places[2] === "x2" ? [x, y, third, fourth] : [x, y, x + third, y + fourth];
    }

    mark(record, place) {
        const [minX, minY, maxX, maxY] = this.corners(record);
        if (![minX, minY, maxX, maxY].every(Number.isFinite)) return null;
        const bounds = {minX, minY, maxX, maxY};
        const selector = record.points
            ? {type: "POLYGON", geometry: {bounds, points: record.points}}
            : {type: "RECTANGLE", geometry: {bounds, x: minX, y: minY, w: maxX - minX, h: maxY - minY, rot: 0}};
        const id = `m${place}`;
        return {id, bodies: [], target: {annotation: id, selector}};
    }

    // Inside the picture and, where the schema asks for them, in whole pixels.
    placed(selector) {
        const [width, height] = this.size;
        const exact = (value) => this.told.whole ? Math.round(value) : Math.round(value * 100) / 100;
        const inside = (x, y) => [exact(Math.min(Math.max(x, 0), width)), exact(Math.min(Math.max(y, 0), height))];
        if (selector.type === "POLYGON") {
            const points = selector.geometry.points.map(([x, y]) => inside(x, y));
            return {...this.around(points), points};
        }
        const {minX, minY, maxX, maxY} = selector.geometry.bounds;
        return this.around([inside(minX, minY), inside(maxX, maxY)]);
    }

    around(points) {
        const across = points.map((point) => point[0]), down = points.map((point) => point[1]);
        return this.boxed(Math.min(...across), Math.min(...down), Math.max(...across), Math.max(...down));
    }

    boxed(x1, y1, x2, y2) {
        const plain = (value) => Math.round(value * 100) / 100;
        const place = this.told.places[2] === "x2" ? [x1, y1, x2, y2] : [x1, y1, plain(x2 - x1), plain(y2 - y1)];
        return Object.fromEntries(this.told.places.map((key, at) => [key, place[at]]));
    }

    addTyped() {
        const [width, height] = this.size;
        const place = this.records.length;
        const box = this.boxed(0, 0, Math.max(Math.round(width / 10), 10), Math.max(Math.round(height / 10), 10));
        this.change(() => { this.records.push({[this.told.nameKey]: this.chosen, ...box}); });
        this.rows.querySelector(`[data-mark="${place}-${this.told.places[0]}"]`)?.focus();
    }

    inputs(record, place, title) {
        if (record.points) {
            const points = make("input", {type: "text", value: record.points.map((point) => point.join(",")).join(" "), aria: {label: `${title}: points as x,y x,y x,y`}, data: {mark: `${place}-points`}});
            points.addEventListener("change", () => this.setPoints(place, points.value));
            return [make("label", {className: "mark-points"}, "points ", points)];
        }
        return this.told.places.map((key) => this.number(place, key, title, record[key], (value) => this.set(place, {[key]: value})));
    }

    setPoints(place, text) {
        const points = text.trim().split(/\s+/).map((pair) => pair.split(",").map(Number));
        if (points.length < 3 || !points.every((point) => point.length === 2 && point.every(Number.isFinite))) {
            this.state.textContent = "A polygon has three points or more, as x,y x,y x,y.";
            return;
        }
        this.set(place, {...this.around(points), points});
    }

    warn() {
        const [width, height] = this.size;
        const out = this.records.findIndex((record) => {
            const [x1, y1, x2, y2] = this.corners(record);
            return x1 < 0 || y1 < 0 || x2 > width || y2 > height || x2 <= x1 || y2 <= y1;
        });
        if (out < 0 && this.isWarning) this.state.textContent = "";
        this.isWarning = out >= 0 && width > 0;
        if (this.isWarning) this.state.textContent = `${this.noun(this.records[out])} ${out + 1} does not lie in the picture of ${width} × ${height} pixels.`;
    }
}
