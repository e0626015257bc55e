// SPDX-License-Identifier: MIT
#include "trace.hpp"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <vector>

#include "places.hpp"

namespace weft::model::engine::trace {

namespace {

struct line {
    int thread;
    std::string what;
    stack_of_calls calls;
};

std::vector<line> lines;
std::map<void const*, std::string> names;

char const* order_name(int order) noexcept {
    constexpr std::array<char const*, 6> all{"relaxed", "consume", "acquire", "release", "acq_rel", "seq_cst"};
    return all[static_cast<std::size_t>(order)];
}

// a, b, ..., in the order in which they appear, unless the model has a name for it.
std::string name_of(void const* object) {
    if (auto const known = names.find(object); known != names.end()) return known->second;
    std::string made;
    for (std::size_t number = names.size() + 1; number > 0; number = (number - 1) / 26)
        made.insert(made.begin(), static_cast<char>('a' + (number - 1) % 26));
    names[object] = made;
    return made;
}

std::string name_of(std::uintptr_t address) { return name_of(reinterpret_cast<void const*>(address)); }

std::string shown(std::uint64_t value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), value < 1'000'000 || value > UINT64_MAX - 1000 ? "%" PRId64 : "0x%" PRIx64, value);
    return text.data();
}

void add(std::string what) {
    model_thread const& by = me();
    line made{by.id, std::move(what), {}};
    made.calls[0] = by.place;
    for (std::size_t i = 1; i < made.calls.size() && static_cast<int>(i) <= by.depth; ++i) {
        std::size_t const depth = static_cast<std::size_t>(by.depth) - i;
        made.calls[i] = depth < by.calls.size() ? by.calls[depth] : nullptr;
    }
    lines.push_back(std::move(made));
}

}  // namespace

void record_event(char const* what, void const* object, std::int64_t number) noexcept {
    engine_scope const engine;
    std::string text = what;
    if (object != nullptr) text += ' ' + name_of(object);
    if (number != no_number) text += std::to_string(number);
    add(std::move(text));
}

void record_load(std::uintptr_t address, int order, std::uint64_t value, int age, int by, char const* what) noexcept {
    engine_scope const engine;
    std::string text = std::string(what) + ' ' + name_of(address) + " = " + shown(value) + ' ' + order_name(order);
    if (age > 0) {
        text += " (stale: " + std::to_string(age) + (age == 1 ? " newer store; this one is " : " newer stores; this one is ");
        text += by < 0 ? "its first value)" : "of T" + std::to_string(by) + ')';
    }
    add(std::move(text));
}

void record_modified(char const* what, std::uintptr_t address, int order, std::uint64_t before, std::uint64_t after) noexcept {
    engine_scope const engine;
    add(std::string(what) + ' ' + name_of(address) + ": " + shown(before) + " -> " + shown(after) + ' ' + order_name(order));
}

void record_store(std::uintptr_t address, int order, std::uint64_t value) noexcept {
    engine_scope const engine;
    add("store " + name_of(address) + " = " + shown(value) + ' ' + order_name(order));
}

void record_fence(int order) noexcept {
    engine_scope const engine;
    add(std::string("fence ") + order_name(order));
}

void record_plain(std::uintptr_t address, std::size_t size, bool writes) noexcept {
    engine_scope const engine;
    add(std::string(writes ? "plain write of " : "plain read of ") + std::to_string(size) + " bytes at " + name_of(address));
}

void name(void const* object, char const* text) {
    engine_scope const engine;
    if (execution.tracing) names[object] = text;
}

void begin() {
    lines.clear();
    names.clear();
}

std::string finish() {
    std::vector<stack_of_calls> calls;
    calls.reserve(lines.size());
    for (line const& each : lines) calls.push_back(each.calls);
    std::vector<std::string> const places = places_of(calls);
    std::string all;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        std::array<char, 32> front{};
        std::snprintf(front.data(), front.size(), "%5zu  T%-2d ", i + 1, lines[i].thread);
        std::string text = front.data() + lines[i].what;
        if (!places[i].empty()) text.append(text.size() < 72 ? 72 - text.size() : 1, ' ') += "  " + places[i];
        all += text + '\n';
    }
    return all;
}

}  // namespace weft::model::engine::trace
