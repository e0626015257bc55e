// SPDX-License-Identifier: MIT
#include "support/seed.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <string>

namespace weft::test {

namespace {

std::atomic<bool> used{false};
std::atomic<std::uint64_t> value{0};

std::uint64_t choose() {
    if (const char* given = std::getenv("WEFT_TEST_SEED")) {
        std::size_t read = 0;
        const std::string text = given;
        const auto number = std::stoull(text, &read, 0);
        if (read != text.size()) throw std::invalid_argument("WEFT_TEST_SEED is not a number: " + text);
        return number;
    }
    std::random_device device;
    return (static_cast<std::uint64_t>(device()) << 32) | device();
}

}  // namespace

std::uint64_t seed() {
    static const std::uint64_t chosen = [] {
        const auto number = choose();
        std::fprintf(stderr, "to repeat: WEFT_TEST_SEED=%llu\n", static_cast<unsigned long long>(number));
        value.store(number);
        used.store(true);
        return number;
    }();
    return chosen;
}

std::optional<std::uint64_t> seed_if_used() noexcept {
    if (!used.load()) return std::nullopt;
    return value.load();
}

}  // namespace weft::test
