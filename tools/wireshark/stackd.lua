-- stackd.lua - what a stackd was thinking, as fields of Wireshark.
--
-- A capture of stackd's has comments beside its frames: states, congestion windows, why something was
-- dropped or sent again, what the bad wire did (docs/tracing.md, "Comments in captures"). This
-- post-dissector reads them and makes fields of them, for display filters, columns, colours, graphs and
-- `tshark -T fields`. It sends nothing and keeps nothing but the last state of each connection.
--
--   stackd.conn            the connection, local-remote, as in the trace
--   stackd.state           the state of the connection after this frame, on every segment since the first
--                          arrow in the capture
--   stackd.state.from/.to  an arrow of RFC 9293's Figure 5 that the frame caused, or shows,
--   stackd.state.cause     and the event on it
--   stackd.cwnd            congestion window, bytes, where it changed
--   stackd.ssthresh        slow start threshold, bytes; none while there is none
--   stackd.in_flight       bytes sent and not acknowledged
--   stackd.cwnd.cause      why it changed
--   stackd.drop            refused: layer and reason, as `stackctl stats` names it
--   stackd.drop.layer, stackd.drop.reason
--   stackd.rtx             sent again, and why
--   stackd.fault           what the bad wire did: drop, mark, corrupt, duplicate, reorder
--   stackd.arp.ip/.from/.to    an entry of the neighbour cache changed
--   stackd.conflict        address conflict detection (RFC 5227): what was done, and which address
--
-- Works with every Lua that Wireshark had since 3.6 (5.2 to 5.4). To be put where
-- `tshark -G folders` says "Personal Lua Plugins"; `stackctl wireshark-install` does that.

local is_new, stackd = pcall(Proto, "stackd", "stackd")
if not is_new then -- it is installed, and `stackctl wireshark` names it as well: once is enough
    if tostring(stackd):find("two protocols", 1, true) then return end
    error(stackd)
end

local f = {
    conn = ProtoField.string("stackd.conn", "Connection"),
    state = ProtoField.string("stackd.state", "State after this frame"),
    from = ProtoField.string("stackd.state.from", "From"),
    to = ProtoField.string("stackd.state.to", "To"),
    cause = ProtoField.string("stackd.state.cause", "Cause"),
    cwnd = ProtoField.uint32("stackd.cwnd", "Congestion window"),
    ssthresh = ProtoField.uint32("stackd.ssthresh", "Slow start threshold"),
    in_flight = ProtoField.uint32("stackd.in_flight", "In flight"),
    cwnd_cause = ProtoField.string("stackd.cwnd.cause", "Cause"),
    drop = ProtoField.string("stackd.drop", "Dropped"),
    drop_layer = ProtoField.string("stackd.drop.layer", "Layer"),
    drop_reason = ProtoField.string("stackd.drop.reason", "Reason"),
    rtx = ProtoField.string("stackd.rtx", "Sent again"),
    fault = ProtoField.string("stackd.fault", "Bad wire"),
    arp_ip = ProtoField.string("stackd.arp.ip", "Neighbour"),
    arp_from = ProtoField.string("stackd.arp.from", "From"),
    arp_to = ProtoField.string("stackd.arp.to", "To"),
    conflict = ProtoField.string("stackd.conflict", "Address conflict detection"),
}
stackd.fields = f

local x = {
    drop = ProtoExpert.new("stackd.drop.expert", "Dropped by the host",
        expert.group.PROTOCOL, expert.severity.NOTE),
    rtx = ProtoExpert.new("stackd.rtx.expert", "Sent again by the host",
        expert.group.SEQUENCE, expert.severity.NOTE),
    fault = ProtoExpert.new("stackd.fault.expert", "The bad wire did something to this frame",
        expert.group.SEQUENCE, expert.severity.NOTE),
}
stackd.experts = x

local comment_field = Field.new("frame.comment")
local direction_field = Field.new("frame.packet_flags_direction")
local sport_field, dport_field = Field.new("tcp.srcport"), Field.new("tcp.dstport")
local usport_field, udport_field = Field.new("udp.srcport"), Field.new("udp.dstport")
local icmp_field = Field.new("icmp.type")

-- What each comment begins with, and what it becomes.

local forms = {
    { "^([%u%d_]+) %-> ([%u%d_]+) %((.*)%)$", function(tree, note, from, to, cause)
        local t = tree:add(stackd):set_text(note)
        t:add(f.from, from)
        t:add(f.to, to)
        t:add(f.cause, cause)
    end },
    { "^cwnd (%d+)(.*) in_flight (%d+) %((.*)%)$", function(tree, note, cwnd, rest, in_flight, cause)
        local t = tree:add(f.cwnd, tonumber(cwnd)):append_text(" bytes (" .. cause .. ")")
        local ssthresh = rest:match("^ ssthresh (%d+)$")
        if ssthresh then t:add(f.ssthresh, tonumber(ssthresh)) end
        t:add(f.in_flight, tonumber(in_flight))
        t:add(f.cwnd_cause, cause)
    end },
    { "^dropped: (%S+) (.+)$", function(tree, note, layer, reason)
        reason = reason:gsub(" ", "-")
        local t = tree:add(f.drop, layer .. "." .. reason)
        t:add(f.drop_layer, layer)
        t:add(f.drop_reason, reason)
        t:add_proto_expert_info(x.drop, "dropped: " .. layer .. "." .. reason)
    end },
    { "^retransmission %((.*)%)$", function(tree, note, cause)
        tree:add(f.rtx, cause):add_proto_expert_info(x.rtx, note)
    end },
    { "^bad wire: (%S+)$", function(tree, note, what)
        local t = tree:add(f.fault, what)
        if what ~= "delay" then t:add_proto_expert_info(x.fault, note) end
    end },
    { "^arp (%S+): (%S+) %-> (%S+)$", function(tree, note, ip, from, to)
        local t = tree:add(f.arp_ip, ip):append_text((": %s -> %s"):format(from, to))
        t:add(f.arp_from, from)
        t:add(f.arp_to, to)
    end },
    { "^address conflict detection: (.+)$", function(tree, note, what)
        tree:add(f.conflict, what)
    end },
}

-- The connection that a frame belongs to, as the trace writes it; nil where there is none, or where only the
-- piece of a datagram in an ICMP error says so.
local function frame_conn(pinfo)
    local direction = direction_field()
    local sport, dport = sport_field() or usport_field(), dport_field() or udport_field()
    if not direction or not sport or not dport or icmp_field() then return nil end
    local function host(address)
        local text = tostring(address)
        return text:find(":", 1, true) and "[" .. text .. "]" or text
    end
    local src = ("%s:%d"):format(host(pinfo.src), sport.value)
    local dst = ("%s:%d"):format(host(pinfo.dst), dport.value)
    return direction.value % 4 == 2 and src .. "-" .. dst or dst .. "-" .. src
end

-- All lines of all comments: older captures have several in one.
local function notes()
    local all = {}
    for _, info in ipairs({ comment_field() }) do
        for line in tostring(info.value):gmatch("[^\n]+") do all[#all + 1] = line end
    end
    return all
end

-- The last state of each connection while frames are seen for the first time, in their order; what was
-- found then is kept by frame.
local states, state_at = {}, {}

function stackd.init()
    states, state_at = {}, {}
end

function stackd.dissector(tvb, pinfo, root)
    local conn, tree, is_own = frame_conn(pinfo), nil, false
    local function subtree()
        tree = tree or root:add(stackd)
        return tree
    end

    for _, note in ipairs(notes()) do
        local body, other = note:match("^(.-) %[(.+)%]$")
        body = body or note
        for _, form in ipairs(forms) do
            local found = { body:match(form[1]) }
            if #found > 0 then
                local unpack = table.unpack or unpack
                form[2](subtree(), body, unpack(found))
                if other then tree:add(f.conn, other) else is_own = true end
                local to = body:match("^[%u%d_]+ %-> ([%u%d_]+) %(")
                if to and not pinfo.visited and (other or conn) then states[other or conn] = to end
                break
            end
        end
    end
    if conn and not pinfo.visited and states[conn] then
        state_at[pinfo.number] = states[conn]
        if states[conn] == "CLOSED" then states[conn] = nil end -- the next one may have these ports again
    end
    if conn and is_own then tree:add(f.conn, conn):set_generated() end
    if state_at[pinfo.number] then
        subtree():add(f.state, state_at[pinfo.number]):set_generated()
    end
end

register_postdissector(stackd)
