// SPDX-License-Identifier: MIT
// Reads the source tree as text and says where it breaks the rules of its layout.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace weft::test {

// Layers from the bottom up, each the files in it. A name stands for its .hpp and its .cpp, in include/weft/ or in lib/:
// "detail/join" for include/weft/detail/join.hpp, "worker" for lib/worker.hpp and lib/worker.cpp.
using layer_table = std::vector<std::vector<std::string>>;

// One sentence for each fault, beginning with the file; empty if there is none.
std::vector<std::string> layout_faults(const std::filesystem::path& root, const layer_table& layers);

}  // namespace weft::test
