// SPDX-License-Identifier: MIT
// In place of lib/topology.cpp: one domain, and no files are read.
#include <topology.hpp>

namespace weft::detail {

topology const& topology::of_this_machine() {
    static topology const flat;
    return flat;
}

}  // namespace weft::detail
