// SPDX-License-Identifier: MIT
// Which of this machine's processors are near each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace weft::detail {

// A domain is the processors that share a last-level cache and a NUMA node.
class topology {
public:
    // One domain for all.
    topology() = default;
    // As Linux tells it, in cpu/cpu*/cache/index*/ and node/node*/ below this folder. Processors of which it says nothing are in
    // domain 0; where nothing can be read, that is all of them.
    explicit topology(std::filesystem::path const& system_devices);

    // Read once, when first asked for.
    [[nodiscard]] static topology const& of_this_machine();

    [[nodiscard]] bool flat() const noexcept { return nodes_.size() <= 1; }
    // A negative number, or one that it does not know: domain 0.
    [[nodiscard]] std::uint32_t domain_of(int processor) const noexcept {
        auto const index = static_cast<std::size_t>(processor);
        return index < domains_.size() ? domains_[index] : 0;
    }
    // From one domain to another: 0 in one domain, 1 in one node, else 2.
    [[nodiscard]] unsigned distance(std::uint32_t one, std::uint32_t other) const noexcept {
        if (one == other) return 0;
        return nodes_[one] == nodes_[other] ? 1 : 2;
    }

private:
    std::vector<std::uint32_t> domains_;  // of each processor
    std::vector<int> nodes_{0};           // of each domain
};

}  // namespace weft::detail
