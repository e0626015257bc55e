// SPDX-License-Identifier: MIT
// main() of every model, and verify(). --expect-failure[=text]: succeeds only if a failure was found (and contains the text).
#include "support/catch.hpp"

#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "verify.hpp"

int run_catch_session(int argc, char** argv);  // catch_session.cpp

namespace {

bool failure_wanted = false;
std::string expected_text;
bool found_failure = false;

}  // namespace

void weft::model::verify(options const& wanted, std::function<void()> const& body) {
    if (failure_wanted && found_failure) return;
    outcome const seen = explore(wanted, body);
    std::cout << seen << std::flush;
    if (failure_wanted) {
        found_failure = !seen.failure.empty() && seen.failure.find(expected_text) != std::string::npos;
        REQUIRE((found_failure || seen.failure.empty()));
        return;
    }
    REQUIRE(seen.failure == "");
    REQUIRE((seen.exhausted || wanted.max_executions != 0 || wanted.random_executions != 0 || seen.executions == 1));
}

bool weft::model::expects_failure() noexcept { return failure_wanted; }

int main(int argc, char** argv) {
    constexpr char const* option = "--expect-failure";
    std::vector<char*> arguments;
    for (int i = 0; i < argc; ++i) {
        if (std::strncmp(argv[i], option, std::strlen(option)) != 0) {
            arguments.push_back(argv[i]);
            continue;
        }
        failure_wanted = true;
        if (char const* const text = std::strchr(argv[i], '=')) expected_text = text + 1;
    }
    int const failed = run_catch_session(static_cast<int>(arguments.size()), arguments.data());
    if (failed != 0 || !failure_wanted) return failed;
    if (!found_failure) std::cout << "The seeded bug was not found.\n";
    return found_failure ? 0 : 1;
}
