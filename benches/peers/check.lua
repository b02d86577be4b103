-- One check for each answer, for wrk. Failures are counted by each thread and added up at the end.
local threads = {}

function setup(thread)
    table.insert(threads, thread)
end

function init()
    failed = 0
end

function response(status)
    if status ~= 200 then
        failed = failed + 1
    end
end

function done()
    local sum = 0
    for _, thread in ipairs(threads) do
        sum = sum + thread:get("failed")
    end
    print("failed checks: " .. sum)
end
