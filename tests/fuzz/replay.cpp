// SPDX-License-Identifier: MIT
// programs_replay FILE-OR-FOLDER...: gives each file to the fuzzer's function, without libFuzzer.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_of(int argc, char** argv) {
    std::vector<fs::path> files;
    for (int number = 1; number < argc; ++number) {
        fs::path const given = argv[number];
        if (!fs::is_directory(given)) {
            files.push_back(given);
            continue;
        }
        for (auto const& entry : fs::directory_iterator(given)) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace

int main(int argc, char** argv) {
    auto const files = files_of(argc, argv);
    for (fs::path const& each : files) {
        std::ifstream file(each, std::ios::binary);
        if (!file) {
            std::fprintf(stderr, "cannot read %s\n", each.c_str());
            return 1;
        }
        std::vector<char> const bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
        std::fprintf(stderr, "%s\n", each.c_str());
        LLVMFuzzerTestOneInput(reinterpret_cast<std::uint8_t const*>(bytes.data()), bytes.size());
    }
    std::fprintf(stderr, "%zu programs came to what the oracle allows\n", files.size());
    return files.empty();  // nothing to run is no success
}
