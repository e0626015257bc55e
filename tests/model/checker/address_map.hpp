// SPDX-License-Identifier: MIT
// From addresses to whatever an execution keeps about them. Emptied by counting up the generation; no memory is taken or given
// back.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace weft::model::engine {

template <class Value, std::size_t Capacity>
class address_map {
public:
    void clear() noexcept {
        ++generation_;
        size_ = 0;
    }

    [[nodiscard]] Value* find(std::uintptr_t address) noexcept {
        entry& at = probe(address);
        return at.generation == generation_ ? &at.value : nullptr;
    }

    // Null: full.
    [[nodiscard]] Value* insert(std::uintptr_t address, Value value) noexcept {
        if (size_ >= Capacity / 2) return nullptr;
        ++size_;
        entry& at = probe(address);
        at = {address, generation_, value};
        return &at.value;
    }

private:
    struct entry {
        std::uintptr_t address;
        std::uint64_t generation;
        Value value;
    };

    entry& probe(std::uintptr_t address) noexcept {
        std::size_t i = static_cast<std::size_t>((address * 0x9E3779B97F4A7C15ULL) >> 32U) & (Capacity - 1);
        while (entries_[i].generation == generation_ && entries_[i].address != address) i = (i + 1) & (Capacity - 1);
        return entries_[i];
    }

    std::array<entry, Capacity> entries_{};
    std::uint64_t generation_ = 1;
    std::size_t size_ = 0;
};

}  // namespace weft::model::engine
