# SPDX-License-Identifier: MIT
# Sourced by samples/run.sh, tests/run.sh, benchmarks/run.sh and .ci/run. need_packages NAME... (Debian's names) installs what is
# missing on Debian and Ubuntu; elsewhere it says what to install, and ends the script unless the tools are there already.

# The same package elsewhere. Empty: comes with another one, or there is none.
package_name() { # dnf|pacman|zypper|apk|brew, Debian's name
    case $1:$2 in
        dnf:g++ | zypper:g++) echo gcc-c++ ;;
        pacman:g++ | brew:g++) echo gcc ;;
        pacman:ninja-build | zypper:ninja-build | brew:ninja-build) echo ninja ;;
        apk:ninja-build) echo samurai ;;
        dnf:pkg-config | zypper:pkg-config) echo pkgconf-pkg-config ;;
        pacman:pkg-config | apk:pkg-config | brew:pkg-config) echo pkgconf ;;
        dnf:libtbb-dev | zypper:libtbb-dev) echo tbb-devel ;;
        pacman:libtbb-dev) echo onetbb ;;
        apk:libtbb-dev) echo onetbb-dev ;;
        brew:libtbb-dev) echo tbb ;;
        dnf:libpng-dev | zypper:libpng-dev) echo libpng-devel ;;
        pacman:libpng-dev | brew:libpng-dev) echo libpng ;;
        dnf:catch2) echo catch-devel ;;
        zypper:catch2) echo catch2-devel ;;
        apk:catch2) echo catch2-3 ;;
        dnf:libbenchmark-dev) echo google-benchmark-devel ;;
        zypper:libbenchmark-dev) echo benchmark-devel ;;
        pacman:libbenchmark-dev) echo benchmark ;;
        apk:libbenchmark-dev) echo benchmark-dev ;;
        brew:libbenchmark-dev) echo google-benchmark ;;
        dnf:libboost-context-dev) echo boost-devel ;;
        zypper:libboost-context-dev) echo libboost_context-devel ;;
        pacman:libboost-context-dev | brew:libboost-context-dev) echo boost ;;
        apk:libboost-context-dev) echo boost-dev ;;
        dnf:libasio-dev | zypper:libasio-dev) echo asio-devel ;;
        pacman:libasio-dev | brew:libasio-dev) echo asio ;;
        apk:libasio-dev) echo asio-dev ;;
        dnf:golang-go) echo golang ;;
        pacman:golang-go | zypper:golang-go | apk:golang-go | brew:golang-go) echo go ;;
        *:librust-tokio-dev | *:rustc | *:cargo) ;; # only Debian has Tokio's crates, and without them there is nothing to build
        pacman:python3 | brew:python3) echo python ;;
        pacman:python3-*) echo "python-${2#python3-}" ;;
        apk:python3-*) echo "py3-${2#python3-}" ;;
        apk:clang-19) echo clang19 ;;
        dnf:clang-19 | pacman:clang-19 | zypper:clang-19) echo clang ;;
        brew:clang-19) echo llvm ;;
        dnf:lld-19 | pacman:lld-19 | zypper:lld-19 | brew:lld-19) echo lld ;;
        dnf:libclang-rt-19-dev) echo compiler-rt ;;
        pacman:libclang-rt-19-dev | apk:libclang-rt-19-dev) echo compiler-rt ;;
        zypper:libclang-rt-19-dev | brew:libclang-rt-19-dev) ;;
        *) echo "$2" ;;
    esac
}

# A tool counts as there wherever it comes from; a library, if the package manager knows it, and so does Rust, which must fit its
# crates.
have_package() {
    case $1 in
        g++) command -v "${CXX:-g++}" >/dev/null ;;
        clang-19) command -v clang++-19 >/dev/null ;;
        golang-go) command -v go >/dev/null ;;
        cmake | pkg-config | python3 | spin) command -v "$1" >/dev/null ;;
        ninja-build) command -v ninja >/dev/null ;;
        *) [[ $(dpkg-query -W -f '${Status}' "$1" 2>/dev/null) == "install ok installed" ]] ;;
    esac
}

need_packages() {
    local name missing=()
    if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
        for name in "$@"; do have_package "$name" || missing+=("$name"); done
        [[ ${#missing[@]} -gt 0 ]] || return 0
        local root=()
        if [[ $(id -u) != 0 ]]; then
            command -v sudo >/dev/null || { echo "Missing: ${missing[*]}. As root: apt-get install ${missing[*]}" >&2; exit 1; }
            root=(sudo)
        fi
        echo "== installing ${missing[*]}"
        "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
        "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
        return # its exit code: who calls this in a condition has no set -e
    fi

    local manager install="your package manager: install"
    for manager in dnf pacman zypper apk brew none; do command -v "$manager" >/dev/null && break; done
    case $manager in
        dnf | zypper | brew) install="$manager install" ;;
        pacman) install="pacman -S" ;;
        apk) install="apk add" ;;
    esac
    local names=() tools_missing=()
    for name in "$@"; do
        names+=($(package_name "$manager" "$name"))
        case $name in
            g++ | clang-19 | cmake | pkg-config | ninja-build | python3) have_package "$name" || tools_missing+=("$name") ;;
        esac
    done
    if [[ ${#names[@]} -gt 0 ]]; then echo "== needed here, if not there yet: $install ${names[*]}"; fi
    if [[ ${#tools_missing[@]} -gt 0 ]]; then
        echo "Not found: ${tools_missing[*]}" >&2
        exit 1
    fi
}

# Processors this process may use.
processors() { nproc 2>/dev/null || getconf _NPROCESSORS_ONLN; }
