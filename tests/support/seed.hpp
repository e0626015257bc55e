// SPDX-License-Identifier: MIT
// The seed of this run of a random test.
#pragma once

#include <cstdint>
#include <optional>

namespace weft::test {

// WEFT_TEST_SEED from the environment, or a random one. The first call prints it to stderr, so that it is known after a crash too;
// every later call returns the same. Any thread may call.
std::uint64_t seed();

// The seed if anybody has asked for it, for reports.
std::optional<std::uint64_t> seed_if_used() noexcept;

}  // namespace weft::test
