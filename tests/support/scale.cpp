// SPDX-License-Identifier: MIT
#include "support/scale.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <stdexcept>
#include <string>

namespace weft::test {

namespace {

double read_scale() {
    const char* const given = std::getenv("WEFT_TEST_SCALE");
    if (!given) return 1;
    char* end = nullptr;
    const double factor = std::strtod(given, &end);
    if (end == given || *end != '\0' || !std::isfinite(factor) || factor <= 0)
        throw std::invalid_argument("WEFT_TEST_SCALE is not a positive number: " + std::string(given));
    return factor;
}

}  // namespace

double scale() {
    static const double factor = read_scale();
    return factor;
}

int scaled(int rounds) {
    return static_cast<int>(std::clamp(rounds * scale(), 1.0, static_cast<double>(std::numeric_limits<int>::max())));
}

unsigned many_workers(unsigned usual) {
    const char* const given = std::getenv("WEFT_TEST_WORKERS");
    return given ? static_cast<unsigned>(std::stoul(given)) : usual;
}

}  // namespace weft::test
