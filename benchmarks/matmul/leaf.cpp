// SPDX-License-Identifier: MIT
// A translation unit of its own, so that every library runs the very same instructions.
#include "problem.hpp"

#include <array>

namespace matmul {

void multiply_leaf(product leaf_product) {
    auto const [a, b, c, n, pitch] = leaf_product;
    for (std::size_t i = 0; i < leaf; ++i) {
        std::array<element, leaf> row;
        for (std::size_t j = 0; j < leaf; ++j) {
            row[j] = c[i * pitch + j];
        }
        for (std::size_t k = 0; k < leaf; ++k) {
            element const factor = a[i * pitch + k];
            for (std::size_t j = 0; j < leaf; ++j) {
                row[j] += factor * b[k * pitch + j];
            }
        }
        for (std::size_t j = 0; j < leaf; ++j) {
            c[i * pitch + j] = row[j];
        }
    }
}

}  // namespace matmul
