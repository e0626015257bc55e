// SPDX-License-Identifier: MIT
// Where a random program comes from: a seeded engine, or the bytes of a fuzzer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>

namespace weft::test {

class choices {
public:
    choices() = default;
    choices(choices const&) = delete;
    choices& operator=(choices const&) = delete;
    virtual ~choices() = default;

    // 0 ... bound - 1; bound is 1 ... 256. Whoever asks takes 0 for the plainest of them.
    virtual unsigned below(unsigned bound) = 0;
};

class seeded_choices final : public choices {
public:
    explicit seeded_choices(std::uint64_t seed) : engine_(seed) {}
    unsigned below(unsigned bound) override { return static_cast<unsigned>(engine_() % bound); }

private:
    std::mt19937_64 engine_;
};

// One byte for one choice, and 0 for ever when they are used up: every string of bytes is a program, and a byte that is changed
// changes what it stands for.
class byte_choices final : public choices {
public:
    explicit byte_choices(std::span<std::uint8_t const> bytes) : bytes_(bytes) {}
    unsigned below(unsigned bound) override {
        if (next_ == bytes_.size()) return 0;
        return bytes_[next_++] % bound;
    }

private:
    std::span<std::uint8_t const> bytes_;
    std::size_t next_ = 0;
};

}  // namespace weft::test
