# SPDX-License-Identifier: MIT
# Google Benchmark's JSON files -> one table. A row is a workload with its parameters and threads, a cell the median of the
# repetitions. Files named *-rss-* give nothing but the peak memory of a process that ran this one benchmark. A wrong result:
# "WRONG", exit code 1. Reads the JSON as Google Benchmark lays it out, one "key": value to a line.

function value_of(line) {
    sub(/^[^:]*": */, "", line)
    sub(/,$/, "", line)
    gsub(/"/, "", line)
    return line
}

# parts: workload/library/parameter:value.../threads:n/real_time
function keep_run(    parts, count, i, row, library) {
    count = split(run["run_name"], parts, "/")
    library = parts[2]
    row = parts[1]
    for (i = 3; i <= count; ++i)
        if (parts[i] != "real_time") row = row " " parts[i]

    if (FILENAME ~ /-rss-[^\/]*$/) {
        rss[row, library] = run["peak_rss_bytes"] / 1048576
        return
    }
    if (library != "serial" && !(row in seen)) {
        seen[row] = 1
        add_row(row)
    }
    if (run["error_occurred"] == "true") {
        wrong[row, library] = 1
        any_wrong = 1
        print row " (" library "): " run["error_message"] > "/dev/stderr"
        return
    }
    times[row, library] = times[row, library] " " run["real_time"] * milliseconds[run["time_unit"]]
    if ("items_per_second" in run) per_item[row, library] = per_item[row, library] " " 1e9 / run["items_per_second"]
    for (i in run)
        if (!(i in standard)) {
            counters[row, i] = counters[row, i] " " run[i]
            if (!((row, i) in noted)) {
                noted[row, i] = 1
                note_names[row] = note_names[row] " " i
            }
        }
}

# Rows stand in the order of the files, and within a file by parameter and threads: repetitions that alternate come in any order.
function add_row(row,    rest, key, i) {
    if (FILENAME != last_file) {
        last_file = FILENAME
        ++files
    }
    key = sprintf("%06d", files)
    for (rest = row; match(rest, /[0-9]+/); rest = substr(rest, RSTART + RLENGTH))
        key = key substr(rest, 1, RSTART - 1) sprintf("%012d", substr(rest, RSTART, RLENGTH))
    for (i = ++row_count; i > 1 && keys[i - 1] > key; --i) {
        keys[i] = keys[i - 1]
        rows[i] = rows[i - 1]
    }
    keys[i] = key
    rows[i] = row
}

function median(list,    values, count, i, j, value) {
    count = split(list, values, " ")
    for (i = 2; i <= count; ++i) {
        value = values[i] + 0
        for (j = i - 1; j >= 1 && values[j] + 0 > value; --j) values[j + 1] = values[j]
        values[j + 1] = value
    }
    if (count % 2) return values[(count + 1) / 2] + 0
    return (values[count / 2] + values[count / 2 + 1]) / 2
}

function number(value) {
    if (value >= 1000) return sprintf("%.0f", value)
    if (value >= 100) return sprintf("%.1f", value)
    if (value >= 1) return sprintf("%.2f", value)
    return sprintf("%.3f", value)
}

function time_cell(row, library) {
    if ((row, library) in wrong) return "WRONG"
    if ((row, library) in times) return number(median(times[row, library]))
    return "-"
}

function rss_cell(row, library) {
    return (row, library) in rss ? number(rss[row, library]) : "-"
}

# Sorted, so that the same counters come in the same order whatever awk this is.
function notes(row,    names, count, i, j, name, text) {
    count = split(note_names[row], names, " ")
    for (i = 2; i <= count; ++i) {
        name = names[i]
        for (j = i - 1; j >= 1 && names[j] > name; --j) names[j + 1] = names[j]
        names[j + 1] = name
    }
    for (i = 1; i <= count; ++i) text = text "  " names[i] " " number(median(counters[row, names[i]]))
    return text
}

BEGIN {
    split("name family_index per_family_instance_index run_name run_type repetitions repetition_index threads iterations " \
          "real_time cpu_time time_unit items_per_second peak_rss_bytes error_occurred error_message", names, " ")
    for (i in names) standard[names[i]] = 1
    milliseconds["ns"] = 1e-6
    milliseconds["us"] = 1e-3
    milliseconds["ms"] = 1
    milliseconds["s"] = 1e3
}

/^ *"name": / {
    split("", run)
    in_run = 1
}
in_run && /^ *"[^"]*": / {
    key = $1
    gsub(/[":]/, "", key)
    run[key] = value_of($0)
}
in_run && /^ *}/ {
    in_run = 0
    if (run["run_type"] == "iteration") keep_run()
}

END {
    format = "%-38s %10s %10s %10s %12s %13s %10s %10s%s\n"
    printf format, "", "weft", "oneTBB", "serial", "oneTBB/weft", "weft", "weft", "oneTBB", ""
    printf format, "median", "ms", "ms", "ms", "", "ns per item", "peak MiB", "peak MiB", "  counters"
    for (r = 1; r <= row_count; ++r) {
        row = rows[r]
        sequential = row
        sub(/ threads:[0-9]+$/, "", sequential)
        ratio = "-"
        if ((row, "weft") in times && (row, "tbb") in times)
            ratio = sprintf("%.2f", median(times[row, "tbb"]) / median(times[row, "weft"]))
        printf format, row, time_cell(row, "weft"), time_cell(row, "tbb"), time_cell(sequential, "serial"), ratio, \
            (row, "weft") in per_item ? number(median(per_item[row, "weft"])) : "-", \
            rss_cell(row, "weft"), rss_cell(row, "tbb"), notes(row)
    }
    exit any_wrong
}
