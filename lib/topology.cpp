// SPDX-License-Identifier: MIT
#include "topology.hpp"

#include <charconv>
#include <compare>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include "first_line.hpp"
#include "platform.hpp"

namespace weft::detail {

namespace fs = std::filesystem;

namespace {

constexpr int most_processors = 1 << 16;  // more are nonsense, and so are more nodes

std::optional<int> number(std::string_view text) {
    int value = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
    return value;
}

// The 12 of "node12".
std::optional<int> number_after(std::string_view prefix, std::string_view name) {
    return name.starts_with(prefix) ? number(name.substr(prefix.size())) : std::nullopt;
}

// "0-3,8-11". What is no such list is empty.
std::vector<int> processors_in(std::string const& list) {
    std::vector<int> all;
    std::istringstream ranges(list);
    for (std::string range; std::getline(ranges, range, ',');) {
        std::size_t const dash = range.find('-');
        auto const first = number(std::string_view(range).substr(0, dash));
        auto const last = dash == std::string::npos ? first : number(std::string_view(range).substr(dash + 1));
        if (!first || !last || *last >= most_processors) return {};
        for (int each = *first; each <= *last; ++each) all.push_back(each);
    }
    return all;
}

// Calls visit(n, path) for each prefix<n> in the folder.
template <class Visit>
void each_numbered(fs::path const& folder, std::string_view prefix, Visit visit) {
    for (std::string const& name : platform::names_in(folder.string()))
        if (auto const n = number_after(prefix, name); n && *n < most_processors) visit(*n, folder / name);
}

// Who shares the last of this processor's caches.
std::vector<int> cache_mates(fs::path const& processor) {
    int last_level = 0;
    std::vector<int> mates;
    each_numbered(processor / "cache", "index", [&](int, fs::path const& cache) {
        auto const level = number(first_line(cache / "level"));
        if (!level || *level <= last_level) return;
        last_level = *level;
        mates = processors_in(first_line(cache / "shared_cpu_list"));
    });
    return mates;
}

struct place {
    int cache = -1;
    int node = -1;
    auto operator<=>(place const&) const = default;
};

}  // namespace

topology::topology(fs::path const& system_devices) {
    std::map<int, place> places;
    each_numbered(system_devices / "node", "node", [&](int node, fs::path const& path) {
        for (int const processor : processors_in(first_line(path / "cpulist"))) places[processor].node = node;
    });
    each_numbered(system_devices / "cpu", "cpu", [&](int processor, fs::path const& path) {
        auto const known = places.find(processor);
        if (known != places.end() && known->second.cache >= 0) return;  // one that shares its cache has told
        for (int const mate : cache_mates(path)) places[mate].cache = processor;
    });
    if (places.empty()) return;
    domains_.resize(static_cast<std::size_t>(places.rbegin()->first) + 1);
    std::map<place, std::uint32_t> known;
    nodes_.clear();
    for (auto const& [processor, at] : places) {
        auto const [domain, is_new] = known.try_emplace(at, static_cast<std::uint32_t>(nodes_.size()));
        if (is_new) nodes_.push_back(at.node);
        domains_[static_cast<std::size_t>(processor)] = domain->second;
    }
}

topology const& topology::of_this_machine() {
    // Never destroyed: workers may outlive static objects.
    static auto const* const only = new topology("/sys/devices/system");
    return *only;
}

}  // namespace weft::detail
