// SPDX-License-Identifier: MIT
#include "support/source_layout.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string_view>

namespace weft::test {

namespace {

namespace fs = std::filesystem;

using names = std::vector<std::string>;

const std::set<std::string> top_level_folders{"include", "lib", "benchmarks", "tests", "samples"};
const std::string build_folder = "build";  // not in the repository

std::string read(const fs::path& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}};
}

bool is_cpp(const fs::path& path) { return path.extension() == ".hpp" || path.extension() == ".cpp"; }

bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

bool ends_with(std::string_view text, std::string_view suffix) {
    return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

// The text without comments, as long as it was in lines.
std::string without_comments(const std::string& text) {
    std::string code;
    for (std::size_t i = 0; i < text.size();) {
        if (text.compare(i, 2, "//") == 0) {
            i = std::min(text.find('\n', i), text.size());
        } else if (text.compare(i, 2, "/*") == 0) {
            const auto end = text.find("*/", i + 2);
            const auto next = end == std::string::npos ? text.size() : end + 2;
            code.append(static_cast<std::size_t>(std::count(text.begin() + static_cast<std::ptrdiff_t>(i),
                                                            text.begin() + static_cast<std::ptrdiff_t>(next), '\n')),
                        '\n');
            i = next;
        } else if (text[i] == '"') {
            code += text[i++];
            while (i < text.size() && text[i] != '"' && text[i] != '\n') {
                if (text[i] == '\\' && i + 1 < text.size()) code += text[i++];
                code += text[i++];
            }
            if (i < text.size()) code += text[i++];
        } else {
            code += text[i++];
        }
    }
    return code;
}

names matches(const std::string& text, const char* pattern) {
    const std::regex expression{pattern, std::regex::ECMAScript | std::regex::multiline};
    names found;
    for (std::sregex_iterator match{text.begin(), text.end(), expression}, end; match != end; ++match)
        found.push_back((*match)[1].str());
    return found;
}

// All C++ files below root's include/, lib/, tests/, samples/ and benchmarks/, by their path from the root with '/', comments
// removed.
struct source_tree {
    explicit source_tree(const fs::path& at) : root{at} {
        for (const auto& folder : top_level_folders) {
            if (!fs::is_directory(root / folder)) continue;
            for (const auto& entry : fs::recursive_directory_iterator{root / folder}) {
                if (entry.is_regular_file() && is_cpp(entry.path())) {
                    const auto text = read(entry.path());
                    const auto name = fs::relative(entry.path(), root).generic_string();
                    first_lines[name] = text.substr(0, text.find('\n'));
                    code[name] = without_comments(text);
                }
            }
        }
    }

    bool is_core(const std::string& name) const { return starts_with(name, "include/") || starts_with(name, "lib/"); }

    fs::path root;
    std::map<std::string, std::string> first_lines;
    std::map<std::string, std::string> code;
};

// What an #include means, as a path from the root; nothing if it is not one of ours.
std::optional<std::string> resolve(const source_tree& tree, const std::string& includer, const std::string& included) {
    for (const auto& candidate :
         {fs::path{includer}.parent_path() / included, fs::path{"include"} / included, fs::path{"lib"} / included}) {
        const auto name = candidate.lexically_normal().generic_string();
        if (tree.code.count(name) != 0) return name;
    }
    return std::nullopt;
}

// "include/weft/detail/join.hpp" -> "detail/join", "lib/worker.cpp" -> "worker"
std::string layer_name(const std::string& file) {
    const auto path = fs::path{file}.replace_extension();
    return path.lexically_relative(starts_with(file, "lib/") ? "lib" : "include/weft").generic_string();
}

void check_arrows(const source_tree& tree, const layer_table& layers, names& faults) {
    std::map<std::string, std::size_t> layer_of;
    for (std::size_t layer = 0; layer < layers.size(); ++layer) {
        for (const auto& name : layers[layer]) layer_of[name] = layer;
    }
    for (const auto& [file, code] : tree.code) {
        if (!tree.is_core(file)) continue;
        if (layer_of.count(layer_name(file)) == 0) {
            faults.push_back(file + " has no layer: add it to the table in tests/layering_test.cpp");
            continue;
        }
        for (const auto& included : matches(code, R"(^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"])")) {
            if (starts_with(file, "include/") && (starts_with(included, "tbb/") || starts_with(included, "oneapi/"))) {
                faults.push_back(file + " includes oneTBB (" + included + "); only lib/ may");
            }
            const auto target = resolve(tree, file, included);
            if (!target) continue;
            if (starts_with(file, "include/") && starts_with(*target, "lib/")) {
                faults.push_back(file + " includes " + *target + ": what users see cannot need what is private");
            }
            const auto layer = layer_of.find(layer_name(*target));
            if (layer != layer_of.end() && layer->second > layer_of[layer_name(file)]) {
                faults.push_back(file + " includes " + *target + ", which is of a higher layer");
            }
        }
    }
}

void check_text(const source_tree& tree, names& faults) {
    for (const auto& [file, first_line] : tree.first_lines) {
        if (first_line != "// SPDX-License-Identifier: MIT") faults.push_back(file + " does not begin with its SPDX line");
    }
    for (const auto& [file, code] : tree.code) {
        if (!tree.is_core(file)) continue;
        if (file != "include/weft/detail/config.hpp") {
            for (const auto& directive : matches(code, R"(^[ \t]*#[ \t]*(if|ifdef|ifndef|elif)\b)")) {
                faults.push_back(file + " has an #" + directive +
                                 ": only include/weft/detail/config.hpp asks what it is built with");
            }
        }
        if (starts_with(file, "include/") && !matches(code, R"(\b(thread_local)\b)").empty()) {
            faults.push_back(file + " has a thread_local: only an out-of-line function of lib/ may read one");
        }
    }
}

// weft.hpp includes every public header, itself.
void check_facade(const source_tree& tree, names& faults) {
    const std::string facade = "include/weft/weft.hpp";
    const auto code = tree.code.find(facade);
    if (code == tree.code.end()) {
        faults.push_back(facade + " is missing");
        return;
    }
    const auto included = matches(code->second, R"(^#include ["<](weft/[^">]+)[">])");
    for (const auto& [file, _] : tree.code) {
        if (!starts_with(file, "include/") || starts_with(file, "include/weft/detail/") || file == facade) continue;
        if (file == "include/weft/testing.hpp") continue;  // for tests only
        const auto name = file.substr(std::string_view{"include/"}.size());
        if (std::find(included.begin(), included.end(), name) == included.end())
            faults.push_back(facade + " does not include " + name);
    }
}

// CMake's lists of files are written by hand: nothing may be forgotten.
void check_lists(const source_tree& tree, names& faults) {
    const auto listed = [&](const char* list) { return std::regex_replace(read(tree.root / list), std::regex{"#[^\n]*"}, ""); };
    const auto library = listed("CMakeLists.txt");
    const auto tests = listed("tests/CMakeLists.txt");
    const auto samples = listed("samples/CMakeLists.txt");
    const auto need = [&](const std::string& file, const std::string& list, const char* where, const std::string& what) {
        const auto at = list.find(what);
        const auto after = at == std::string::npos ? '\0' : at + what.size() < list.size() ? list[at + what.size()] : '\n';
        if (after != '\n' && after != ' ' && after != ')') faults.push_back(file + " is not listed in " + where);
    };
    for (const auto& [file, _] : tree.code) {
        const fs::path path{file};
        const auto folder = path.parent_path().generic_string();
        const auto stem = path.stem().string();
        if (starts_with(file, "include/") || folder == "lib") {
            need(file, library, "CMakeLists.txt", file);
        } else if (folder == "tests") {
            need(file, tests, "tests/CMakeLists.txt", "weft_add_test(" + stem);
        } else if (folder == "tests/model" && (ends_with(stem, "_test") || ends_with(stem, "_model"))) {
            need(file, listed("tests/model/CMakeLists.txt"), "tests/model/CMakeLists.txt", "weft_add_model(" + stem);
        } else if (folder == "tests/model/tasks" && path.extension() == ".cpp") {
            need(file, listed("tests/model/tasks/tasks.cmake"), "tests/model/tasks/tasks.cmake", "tasks/" + stem + ".cpp");
        } else if (starts_with(folder, "tests/") && ends_with(stem, "_test")) {
            const auto list = folder + "/CMakeLists.txt";
            need(file, listed(list.c_str()), list.c_str(), "weft_add_test(" + stem);
        } else if (folder == "samples") {
            need(file, samples, "samples/CMakeLists.txt", "weft_add_sample(" + stem);
        }
    }
}

void check_folders(const fs::path& root, names& faults) {
    for (const auto& entry : fs::directory_iterator{root}) {
        const auto name = entry.path().filename().string();
        if (entry.is_directory() && name[0] != '.' && name != build_folder && top_level_folders.count(name) == 0) {
            faults.push_back(name + "/ is a top-level folder; they are include/, lib/, benchmarks/, tests/ and samples/");
        }
    }
}

}  // namespace

std::vector<std::string> layout_faults(const fs::path& root, const layer_table& layers) {
    const source_tree tree{root};
    names faults;
    check_arrows(tree, layers, faults);
    check_text(tree, faults);
    check_facade(tree, faults);
    check_lists(tree, faults);
    check_folders(root, faults);
    return faults;
}

}  // namespace weft::test
