// SPDX-License-Identifier: MIT
// The source is laid out as lib/README.md says, and this test would notice if it were not.
#include "support/catch.hpp"
#include "support/source_layout.hpp"

#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>

namespace {

namespace fs = std::filesystem;

// From the bottom up. A file includes files of its own layer and of those below, never of one above. "name" stands for
// lib/name.{hpp,cpp} and include/weft/name.hpp, "detail/name" for include/weft/detail/name.hpp.
const weft::test::layer_table layers{
    // words that everybody uses
    {"detail/config", "detail/paused_time", "detail/storage", "detail/slot", "error", "concepts", "result", "options"},
    // structures: no threads, no clock, no coroutines; and the operating system
    {"platform", "platform_linux", "platform_portable", "clock", "job", "asymmetric_fence", "work_deque", "timer_wheel",
     "detail/timer_entry", "detail/locked_list", "locked_list", "detail/scope", "detail/suspension", "detail/time_limit",
     "detail/thread_job", "task_registry", "parker", "injector", "block_reserve", "frame_cache", "frame_depot", "detail/frame", "frame",
     "run_group", "random", "first_line", "topology", "victims"},
    // scheduler: knows only a coroutine_handle to resume
    {"worker", "idle", "timer_driver", "scheduler", "thread_pool", "runtime_core"},
    // tasks
    {"task", "task_core", "detail/promise", "detail/relay", "detail/transfer", "detail/waiter", "join", "detail/join",
     "child_blocks", "detail/child_blocks", "unhandled", "living_tasks", "cancellation", "cancel_request", "detail/turn", "turn",
     "detail/completions", "completions", "context_var", "context", "task_details", "detail/entered_scope"},
    // awaitables: what a task can wait for
    {"suspend", "spawn", "current_task", "as_completed", "gather", "gather_limit", "sleep", "yield", "interval", "timeout", "shield",
     "to_thread", "first", "wait", "detail/group_core", "task_group"},
    // facade: who starts and stops the house
    {"run", "runtime", "signals", "testing", "weft"},
};

// A small tree without a fault, in a folder that goes with it.
class sound_tree {
public:
    sound_tree() : root_{fs::temp_directory_path() / ("weft-layering-" + std::to_string(std::random_device{}()))} {
        write("CMakeLists.txt", "include/weft/weft.hpp\ninclude/weft/run.hpp\ninclude/weft/detail/config.hpp\n"
                                "lib/low.cpp\nlib/low.hpp\nlib/high.hpp\nlib/other.hpp)\n");
        write("tests/CMakeLists.txt", "weft_add_test(some_test LABEL unit)\n");
        write("samples/CMakeLists.txt", "weft_add_sample(01_some)\n");
        write("include/weft/weft.hpp", spdx + "#include \"weft/run.hpp\"\n");
        write("include/weft/run.hpp", spdx + "#include \"weft/detail/config.hpp\"\n// thread_local and #if in a comment\n");
        write("include/weft/detail/config.hpp", spdx + "#if 1\n#endif\n");
        write("lib/low.hpp", spdx + "#include \"weft/detail/config.hpp\"\n");
        write("lib/low.cpp", spdx + "#include \"low.hpp\"\n#include <tbb/tbb.h>\nthread_local int n;\n");
        write("lib/high.hpp", spdx + "#include \"low.hpp\"\n");
        write("tests/some_test.cpp", spdx);
        write("samples/01_some.cpp", spdx);
    }
    ~sound_tree() { fs::remove_all(root_); }
    sound_tree(const sound_tree&) = delete;
    sound_tree& operator=(const sound_tree&) = delete;

    void write(const std::string& name, const std::string& text) const {
        fs::create_directories((root_ / name).parent_path());
        std::ofstream{root_ / name} << text;
    }

    auto faults() const { return weft::test::layout_faults(root_, {{"detail/config"}, {"low"}, {"high"}, {"run", "weft"}}); }

    inline static const std::string spdx = "// SPDX-License-Identifier: MIT\n";

private:
    fs::path root_;
};

}  // namespace

TEST_CASE("the source is laid out by its rules", "[layering]") {
    REQUIRE(fs::exists(fs::path{WEFT_SOURCE_DIR} / "lib" / "worker.cpp"));
    for (const auto& fault : weft::test::layout_faults(WEFT_SOURCE_DIR, layers)) FAIL_CHECK(fault);
}

TEST_CASE("a sound tree has no fault", "[layering]") {
    const auto faults = sound_tree{}.faults();
    for (const auto& fault : faults) FAIL_CHECK(fault);
    CHECK(faults.empty());
}

TEST_CASE("each broken rule of the layout is found", "[layering]") {
    struct breach {
        std::string file, text, fault;
    };
    const auto& spdx = sound_tree::spdx;
    const auto breach = GENERATE_COPY(values<struct breach>({
        {"lib/low.hpp", spdx + "#include \"high.hpp\"\n", "lib/low.hpp includes lib/high.hpp, which is of a higher layer"},
        {"lib/low.hpp", spdx + "  #  include <weft/run.hpp>\n",
         "lib/low.hpp includes include/weft/run.hpp, which is of a higher layer"},
        {"lib/other.hpp", spdx, "lib/other.hpp has no layer: add it to the table in tests/layering_test.cpp"},
        {"include/weft/run.hpp", spdx + "#include \"low.hpp\"\n",
         "include/weft/run.hpp includes lib/low.hpp: what users see cannot need what is private"},
        {"include/weft/run.hpp", spdx + "#include <tbb/info.h>\n",
         "include/weft/run.hpp includes oneTBB (tbb/info.h); only lib/ may"},
        {"include/weft/run.hpp", spdx + "#include <oneapi/tbb.h>\n",
         "include/weft/run.hpp includes oneTBB (oneapi/tbb.h); only lib/ may"},
        {"lib/low.cpp", spdx + "#ifdef __linux__\n#endif\n",
         "lib/low.cpp has an #ifdef: only include/weft/detail/config.hpp asks what it is built with"},
        {"include/weft/run.hpp", spdx + "extern thread_local int n;\n",
         "include/weft/run.hpp has a thread_local: only an out-of-line function of lib/ may read one"},
        {"include/weft/weft.hpp", spdx + "// #include \"weft/run.hpp\"\n", "include/weft/weft.hpp does not include weft/run.hpp"},
        {"lib/low.hpp", "#pragma once\n", "lib/low.hpp does not begin with its SPDX line"},
        {"tests/some_test.cpp", "", "tests/some_test.cpp does not begin with its SPDX line"},
        {"lib/high.cpp", spdx, "lib/high.cpp is not listed in CMakeLists.txt"},
        {"CMakeLists.txt", "include/weft/weft.hpp include/weft/run.hpp include/weft/detail/config.hpp lib/low.cpp lib/high.hpp",
         "lib/low.hpp is not listed in CMakeLists.txt"},
        {"tests/other_test.cpp", spdx, "tests/other_test.cpp is not listed in tests/CMakeLists.txt"},
        {"tests/some.cpp", spdx, "tests/some.cpp is not listed in tests/CMakeLists.txt"},
        {"samples/CMakeLists.txt", "# weft_add_sample(01_some)\n", "samples/01_some.cpp is not listed in samples/CMakeLists.txt"},
        {"docs/guide.md", "", "docs/ is a top-level folder; they are include/, lib/, benchmarks/, tests/ and samples/"},
    }));
    CAPTURE(breach.file, breach.fault);
    const sound_tree tree;
    tree.write(breach.file, breach.text);
    CHECK(tree.faults() == std::vector<std::string>{breach.fault});
}
