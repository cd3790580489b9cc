"""charts.py - bars and curves as SVG, written directly: text in, text out, the same bytes for the same numbers."""
import math

FONT = 'font-family="system-ui, sans-serif"'
INK, DIM, GRID, PAPER = "#1c2128", "#667085", "#e4e7ec", "#ffffff"
OURS, OURS_TOO, THEIRS, BOUND = "#0b6e99", "#67aecb", "#a5acb8", "#e3c98f"
LINES = ("#0b6e99", "#c2571a", "#5c8a3a", "#7a4fa3")


def escape(s):
    return s.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def short(v):
    """3 digits, with k and M."""
    for limit, unit in ((1e6, " M"), (1e4, " k")):
        if abs(v) >= limit:
            return f"{v / (1e6 if unit == ' M' else 1e3):.3g}{unit}"
    if abs(v) >= 1000:
        return f"{v:,.0f}"
    return f"{v:.3g}"


def text(x, y, s, size=12, anchor="start", color=INK, extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{color}"{extra}>{escape(s)}</text>'


def frame(width, height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" {FONT}>\n'
            f'<rect width="{width}" height="{height}" fill="{PAPER}"/>\n' + "\n".join(parts) + "\n</svg>\n")


def color_of(subject):
    if subject == "stackd":
        return OURS
    if subject.startswith("stackd"):
        return OURS_TOO
    return BOUND if subject.startswith("bound") else THEIRS


def bars(panels, columns=2):
    """panels: [(title, unit, [(name, color key, median, least, most)], goal or None)]: small multiples of horizontal bars."""
    width, row, name_w, value_w = 860, 20, 130, 70
    panel_w = width / columns
    heights = []
    for i in range(0, len(panels), columns):
        heights.append(52 + row * max(len(p[2]) for p in panels[i:i + columns]))
    out, top = [], 8
    for i, (title, unit, rows, goal) in enumerate(panels):
        x0 = (i % columns) * panel_w + 8
        y = top + 16
        out.append(text(x0, y, title, 13, extra=' font-weight="600"'))
        out.append(text(x0 + panel_w - 24, y, unit, 11, "end", DIM))
        most = max([r[4] for r in rows] + ([goal] if goal else [])) or 1
        scale = (panel_w - name_w - value_w - 24) / most
        bx = x0 + name_w
        y += 12
        for name, key, median, least, highest in rows:
            out.append(text(bx - 8, y + 13, name, 12, "end", INK if key.startswith("stackd") else DIM))
            out.append(f'<rect x="{bx:.1f}" y="{y + 3:.1f}" width="{max(1, median * scale):.1f}" height="{row - 6}" rx="2" fill="{color_of(key)}"/>')
            if highest > least:
                out.append(f'<path d="M{bx + least * scale:.1f} {y + row / 2:.1f}H{bx + highest * scale:.1f}" stroke="{INK}" stroke-opacity=".55"/>')
            out.append(text(bx + max(median, highest) * scale + 6, y + 14, short(median), 11, color=INK))
            y += row
        if goal:
            gx = bx + goal * scale
            out.append(f'<path d="M{gx:.1f} {y - row * len(rows):.1f}V{y:.1f}" stroke="#b42318" stroke-dasharray="3 3"/>')
            out.append(text(gx, y + 11, f"goal {short(goal)}", 10, "middle", "#b42318"))
        if i % columns == columns - 1 or i == len(panels) - 1:
            top += heights[i // columns]
    return frame(width, top + 8, out)


def nice_ticks(most):
    step = 10 ** math.floor(math.log10(most / 4)) if most > 0 else 1
    for k in (1, 2, 2.5, 5, 10):
        if most / (step * k) <= 5:
            step *= k
            break
    return [step * i for i in range(int(math.ceil(most / step)) + 1)]


def axis_x(xs, log, x0, w):
    """A function from value to position; 0 stands a step before the least on a logarithmic axis."""
    if not log:
        return lambda v: x0 + w * (v - min(xs)) / ((max(xs) - min(xs)) or 1)
    low = min(v for v in xs if v > 0)
    low = low / 3 if 0 in xs else low
    span = math.log(max(xs) / low) or 1
    return lambda v: x0 + w * (math.log(max(v, low) / low) / span)


def curves(panels, x_title, log=True, ticks=None):
    """panels: [(title, [(name, [(x, median, least, most)])])] side by side; y from 0."""
    width, height = 860, 330
    w = width / len(panels)
    out = []
    for i, (title, series) in enumerate(panels):
        x0, x1, y0, y1 = i * w + 62, (i + 1) * w - 22, height - 52, 44
        xs = sorted({p[0] for _, points in series for p in points})
        ys = nice_ticks(max(p[3] for _, points in series for p in points))
        px = axis_x(xs, log, x0, x1 - x0)

        def py(v, top=ys[-1], y0=y0, y1=y1):
            return y0 - (y0 - y1) * v / top
        out.append(text(i * w + 12, 22, title, 13, extra=' font-weight="600"'))
        for v in ys:
            out.append(f'<path d="M{x0:.1f} {py(v):.1f}H{x1:.1f}" stroke="{GRID}"/>')
            out.append(text(x0 - 8, py(v) + 4, short(v), 11, "end", DIM))
        for v in [t for t in ticks or xs if min(xs) <= t <= max(xs)]:
            out.append(text(px(v), y0 + 18, short(v), 11, "middle", DIM))
        out.append(text((x0 + x1) / 2, height - 12, x_title, 11, "middle", DIM))
        for k, (name, points) in enumerate(series):
            color = LINES[k % len(LINES)]
            points = sorted(points)
            band = [f"{px(x):.1f} {py(hi):.1f}" for x, _, _, hi in points] + [f"{px(x):.1f} {py(lo):.1f}" for x, _, lo, _ in reversed(points)]
            out.append(f'<path d="M{"L".join(band)}Z" fill="{color}" fill-opacity=".15"/>')
            out.append(f'<path d="M{"L".join(f"{px(x):.1f} {py(m):.1f}" for x, m, _, _ in points)}" fill="none" stroke="{color}" stroke-width="2"/>')
            for x, m, _, _ in points if len(points) <= 20 else ():
                out.append(f'<circle cx="{px(x):.1f}" cy="{py(m):.1f}" r="3" fill="{color}"/>')
            if len(series) > 1:
                out.append(text(x1, y1 - 8 + 14 * k, name, 11, "end", color))
    return frame(width, height, out)
