"use strict";
/* Zoom, move and point at diagrams. Each <g class="axes"> says where its frame is and which numbers its corners
 * have; the curves in <g class="move"> are moved and stretched as a whole, axes and letters are drawn anew. */
(function () {
    var NS = "http://www.w3.org/2000/svg";

    function step(wanted) {
        var power = Math.pow(10, Math.floor(Math.log10(wanted))), part = wanted / power;
        return power * (part <= 1.0000001 ? 1 : part <= 2.0000001 ? 2 : part <= 5.0000001 ? 5 : 10);
    }
    function prefix(max, unit) {
        if (unit === "time")
            return max <= 2e-3 ? [1e-6, "µs"] : max <= 2 ? [1e-3, "ms"] : [1, "s"];
        var names = ["", "k", "M", "G", "T"], p = 0, scale = 1;
        while (unit !== "" && max >= scale * 2000 && p < 4) { scale *= 1000; p++; }
        return [scale, names[p] + unit];
    }
    function text(v, unit) { /* a value to read, three digits after the point at most */
        var u = prefix(Math.abs(v), unit), n = v / u[0];
        return n.toFixed(n >= 100 ? 1 : 3).replace(/\.?0+$/, "") + " " + u[1];
    }
    function element(name, attributes, parent) {
        var e = document.createElementNS(NS, name), k;
        for (k in attributes) e.setAttribute(k, attributes[k]);
        parent.appendChild(e);
        return e;
    }

    function start(figure) {
        var svg = figure.querySelector("svg"), axes = svg.querySelector(".axes");
        if (!axes) return;
        var d = axes.dataset, left = +d.left, right = +d.right, top = +d.top, bottom = +d.bottom;
        var move = svg.querySelector(".move"), letters = svg.querySelectorAll(".letters text");
        var full = { x0: 0, x1: +d.xmax, y0: 0, y1: +d.ymax }, view, drag = null;
        var names = [axes.querySelector(".x-label"), axes.querySelector(".y-label")];
        var words = names.map(function (n) { return n.textContent.replace(/ \([^()]*\)$/, ""); });
        var tip = figure.appendChild(document.createElement("div"));
        var upright = element("line", { "class": "hair", y1: top, y2: bottom, visibility: "hidden" }, svg);
        var level = element("line", { "class": "hair", x1: left, x2: right, visibility: "hidden" }, svg);
        figure.classList.add("zooms");
        tip.className = "tip";
        letters.forEach(function (t) { t.at = [+t.getAttribute("x"), +t.getAttribute("y")]; });
        /* The corners of each curve, to be found by the pointer. */
        var corners = [];
        move.querySelectorAll("path[data-name]").forEach(function (path) {
            (path.getAttribute("d").match(/[ML][^ML]+/g) || []).forEach(function (c) {
                var xy = c.slice(1).trim().split(" ");
                corners.push([+xy[0], +xy[1], path.dataset.name]);
            });
        });

        function sx(v) { return left + (v - view.x0) / (view.x1 - view.x0) * (right - left); }
        function sy(v) { return bottom - (v - view.y0) / (view.y1 - view.y0) * (bottom - top); }
        function ticks(from, to, count, unit, horizontal) {
            var s = step((to - from) / count), u = prefix(Math.max(Math.abs(from), Math.abs(to)), unit);
            var decimals = Math.max(0, Math.ceil(-Math.log10(s / u[0]) - 1e-9)), v;
            for (v = Math.ceil(from / s - 1e-9) * s; v <= to + s * 1e-9; v += s) {
                var at = horizontal ? sx(v) : sy(v), t;
                element("line", horizontal ? { "class": "grid", x1: at, x2: at, y1: top, y2: bottom }
                                           : { "class": "grid", x1: left, x2: right, y1: at, y2: at }, axes);
                t = element("text", horizontal ? { "class": "small soft", x: at, y: bottom + 18, "text-anchor": "middle" }
                                               : { "class": "small soft", x: left - 8, y: at + 3.5, "text-anchor": "end" }, axes);
                t.textContent = (Math.abs(v) < s * 1e-9 ? 0 : v / u[0]).toFixed(Math.min(decimals, 12));
            }
            return u[1];
        }
        function draw() {
            var kx = (full.x1 - full.x0) / (view.x1 - view.x0), ky = (full.y1 - full.y0) / (view.y1 - view.y0);
            var ox = sx(0) - kx * left, oy = sy(0) - ky * bottom;
            move.setAttribute("transform", "matrix(" + [kx, 0, 0, ky, ox, oy].join(" ") + ")");
            letters.forEach(function (t) {
                t.setAttribute("x", kx * t.at[0] + ox);
                t.setAttribute("y", ky * (t.at[1] + 3) + oy - 3);
            });
            Array.from(axes.children).forEach(function (e) { if (names.indexOf(e) < 0) e.remove(); });
            var units = [ticks(view.x0, view.x1, 10, d.xunit, true), ticks(view.y0, view.y1, 7, d.yunit, false)];
            names.forEach(function (n, i) { n.textContent = words[i] + (units[i] ? " (" + units[i] + ")" : ""); });
        }
        function where(e) {
            var box = svg.getBoundingClientRect(), size = svg.viewBox.baseVal;
            return { x: (e.clientX - box.left) * size.width / box.width, y: (e.clientY - box.top) * size.height / box.height };
        }
        function zoom(axis, factor, at) {
            var a = view[axis + "0"], b = view[axis + "1"], span = (b - a) * factor, most = full[axis + "1"];
            if (span < most * 1e-6) return;
            a = at - (at - a) * factor;
            if (span >= most) { a = 0; span = most; }
            a = Math.min(Math.max(a, 0), most - span);
            view[axis + "0"] = a;
            view[axis + "1"] = a + span;
        }
        function point(e) {
            var p = where(e), best = null, near = 400, box = figure.getBoundingClientRect();
            var inside = p.x >= left && p.x <= right && p.y >= top && p.y <= bottom;
            upright.setAttribute("visibility", inside ? "visible" : "hidden");
            level.setAttribute("visibility", inside ? "visible" : "hidden");
            tip.style.display = inside ? "block" : "none";
            if (!inside) return;
            var kx = (full.x1 - full.x0) / (view.x1 - view.x0), ky = (full.y1 - full.y0) / (view.y1 - view.y0);
            var ox = sx(0) - kx * left, oy = sy(0) - ky * bottom;
            corners.forEach(function (c) {
                var dx = kx * c[0] + ox - p.x, dy = ky * c[1] + oy - p.y, far = dx * dx + dy * dy;
                if (far < near) { near = far; best = c; }
            });
            if (best) p = { x: kx * best[0] + ox, y: ky * best[1] + oy };
            upright.setAttribute("x1", p.x); upright.setAttribute("x2", p.x);
            level.setAttribute("y1", p.y); level.setAttribute("y2", p.y);
            var x = view.x0 + (p.x - left) / (right - left) * (view.x1 - view.x0);
            var y = view.y0 + (bottom - p.y) / (bottom - top) * (view.y1 - view.y0);
            tip.textContent = (best ? best[2] + "\n" : "") + text(x, d.xunit) + "\n" + text(y, d.yunit);
            tip.style.left = Math.min(e.clientX - box.left + 14, box.width - tip.offsetWidth - 4) + "px";
            tip.style.top = Math.max(e.clientY - box.top - tip.offsetHeight - 10, 2) + "px";
        }
        svg.addEventListener("wheel", function (e) {
            var p = where(e), factor = e.deltaY > 0 ? 1.25 : 0.8;
            e.preventDefault();
            if (!e.shiftKey) zoom("x", factor, view.x0 + (p.x - left) / (right - left) * (view.x1 - view.x0));
            if (e.shiftKey || e.ctrlKey) zoom("y", factor, view.y0 + (bottom - p.y) / (bottom - top) * (view.y1 - view.y0));
            draw();
        }, { passive: false });
        svg.addEventListener("pointerdown", function (e) { drag = where(e); svg.setPointerCapture(e.pointerId); });
        svg.addEventListener("pointerup", function () { drag = null; });
        svg.addEventListener("pointerleave", function () { tip.style.display = "none"; });
        svg.addEventListener("pointermove", function (e) {
            point(e);
            if (!drag) return;
            var p = where(e), w = view.x1 - view.x0, h = view.y1 - view.y0;
            view.x0 = Math.min(Math.max(view.x0 - (p.x - drag.x) / (right - left) * w, 0), full.x1 - w);
            view.y0 = Math.min(Math.max(view.y0 + (p.y - drag.y) / (bottom - top) * h, 0), full.y1 - h);
            view.x1 = view.x0 + w;
            view.y1 = view.y0 + h;
            drag = p;
            draw();
        });
        svg.addEventListener("dblclick", function () { view = Object.assign({}, full); draw(); });
        view = Object.assign({}, full);
    }
    document.querySelectorAll("figure").forEach(start);
})();
