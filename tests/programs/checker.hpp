// SPDX-License-Identifier: MIT
// Runs programs on runtimes that it keeps, and compares each with the oracle.
#pragma once

#include "programs/program.hpp"

#include <cstddef>
#include <memory>
#include <string>

namespace weft::test {

class program_checker {
public:
    program_checker();
    ~program_checker();

    // Where weft and the oracle disagree, and what the oracle expects; empty if they agree. After a disagreement about a deadlock
    // the runtimes are of no use.
    std::string check(program const& one);

    // How many were checked, for how many of them the oracle gave up (then only what is true of every program was checked), and
    // for how many it knew exactly one outcome.
    struct counts {
        std::size_t programs = 0;
        std::size_t too_wide = 0;
        std::size_t certain = 0;
    };
    [[nodiscard]] counts checked() const { return counts_; }

private:
    struct house;
    std::unique_ptr<house> house_;
    counts counts_;
    std::size_t until_new_house_ = 0;
};

}  // namespace weft::test
