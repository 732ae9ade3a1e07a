-- For wrk: wrk … -s load.lua URL -- KIND FILE … ; reports one line of JSON.
--   walk FILE HEADER PREFIX [MILLISECONDS]: GET with each line of the file in turn as the value of a header. With a last
--     argument each connection waits for so long between two requests.
--   refresh FILE: each thread, which has one connection, exchanges its line of the file, and then what it got.
--   login FILE: POST with each line of the file in turn as the body.

local requests, number, threads = {}, 0, 0
local json = { ["Content-Type"] = "application/json" }

function setup(thread)
    threads = threads + 1
    thread:set("place", threads)
end

local function next_request()
    number = number % #requests + 1
    return requests[number]
end

local kinds = {}

function kinds.walk(line, header, prefix)
    return wrk.format("GET", nil, { [header] = prefix .. line })
end

function kinds.login(line)
    return wrk.format("POST", nil, json, line)
end

function kinds.refresh(line)
    return line
end

function init(arguments)
    for line in io.lines(arguments[2]) do
        requests[#requests + 1] = kinds[arguments[1]](line, arguments[3], arguments[4])
    end
    request = next_request
    if arguments[5] then
        local wait = tonumber(arguments[5])
        delay = function() return wait end
    elseif arguments[1] == "refresh" then
        local token = requests[place]
        request = function()
            return wrk.format("POST", nil, json, '{"refresh_token": "' .. token .. '"}')
        end
        response = function(_, _, body)
            token = body:match('"refresh_token":"([^"]+)"') or token
        end
    end
end

function done(summary, latency)
    local failed = summary.errors.status + summary.errors.read + summary.errors.write + summary.errors.timeout
    io.write(string.format('{"requests": %d, "seconds": %f, "failed": %d, "p50": %f, "p99": %f}\n', summary.requests,
        summary.duration / 1e6, failed, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
