// SPDX-License-Identifier: MIT
// Files of /proc and /sys that consist of one line.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

namespace weft::detail {

// Empty where there is no such file.
inline std::string first_line(std::filesystem::path const& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

}  // namespace weft::detail
