// SPDX-License-Identifier: MIT
// asyncio_cases.md names tests that exist.
#include "support/catch.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& file) {
    std::ifstream in{file};
    return {std::istreambuf_iterator<char>{in}, {}};
}

// Where a table says `"title" in some_test.cpp`, that file has a TEST_CASE of that title. Each case
// stands once in the part of its file, in a table or in the list of those that do not apply.
std::vector<std::string> faults_of(const std::string& cases, const fs::path& tests) {
    std::vector<std::string> faults;
    const std::regex part{R"(## (\S+\.py).*)"};
    const std::regex name{R"(`(_?test_\w+)`)"};
    const std::regex test{R"rx("([^"]+)" in (\w+_test\.cpp))rx"};
    std::set<std::string> seen;
    std::string file;
    for (std::size_t begin = 0; begin < cases.size();) {
        const std::size_t end = std::min(cases.find('\n', begin), cases.size());
        const std::string line = cases.substr(begin, end - begin);
        begin = end + 1;
        std::smatch match;
        if (std::regex_match(line, match, part)) file = match[1];
        for (std::sregex_iterator each{line.begin(), line.end(), name}, last; each != last; ++each)
            if (!seen.insert(file + ": " + each->str(1)).second) faults.push_back(file + ": " + each->str(1) + " stands there twice");
        bool has_test = false;
        for (std::sregex_iterator each{line.begin(), line.end(), test}, last; each != last; ++each) {
            has_test = true;
            if (text_of(tests / each->str(2)).find("TEST_CASE(\"" + each->str(1) + '"') == std::string::npos)
                faults.push_back(each->str(2) + " has no test \"" + each->str(1) + '"');
        }
        if (line.starts_with("| `") && !has_test) faults.push_back("no test in the line " + line);
    }
    return faults;
}

}  // namespace

TEST_CASE("the tests that asyncio_cases.md names exist, and it names each case once", "[structure][asyncio]") {
    const fs::path tests = fs::path{WEFT_SOURCE_DIR} / "tests";
    const std::string cases = text_of(tests / "asyncio_cases.md");
    CHECK(cases.size() > 10'000);
    CHECK(faults_of(cases, tests) == std::vector<std::string>{});
}

TEST_CASE("a test that does not exist, a case without one, and one that stands there twice are faults", "[structure][asyncio]") {
    const fs::path tests = fs::path{WEFT_SOURCE_DIR} / "tests";
    const std::string cases =
        "## test_tasks.py\n"
        "| `test_one` | \"no such title\" in gather_test.cpp |\n"
        "| `test_three` | nothing |\n"
        "- Names: `test_one`.\n";
    CHECK(faults_of(cases, tests) == std::vector<std::string>{"gather_test.cpp has no test \"no such title\"",
                                                             "no test in the line | `test_three` | nothing |",
                                                             "test_tasks.py: test_one stands there twice"});
}
