# Build options and the compile flags that every target of ours gets.
option(LARMOR_BUILD_TESTS "Build the tests" ON)
option(LARMOR_BUILD_BENCH "Build the benchmark programs" ON)
set(LARMOR_CUDA AUTO CACHE STRING "Build the CUDA plugin: AUTO (where nvcc is found), ON, OFF")
set_property(CACHE LARMOR_CUDA PROPERTY STRINGS AUTO ON OFF)
option(LARMOR_SANITIZE "AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(LARMOR_COVERAGE "Collect line coverage (gcov)" OFF)
option(LARMOR_FUZZ "Build the libFuzzer targets (needs clang)" OFF)
option(LARMOR_WITH_TORCH "Build what needs LibTorch; OFF builds core, imaging, datasets and their tests" ON)
option(LARMOR_PRECOMPILED_HEADERS "Precompile the ATen headers" ON)
option(LARMOR_WARNINGS_AS_ERRORS "Treat warnings of our own code as errors" ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_FLAGS_RELEASE "-O2")

find_program(LARMOR_CCACHE ccache)
if(LARMOR_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${LARMOR_CCACHE})
endif()
find_program(LARMOR_LLD ld.lld)
if(LARMOR_LLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_link_options(-fuse-ld=lld)
endif()

add_library(larmor_flags INTERFACE)
# No errno after sqrt, or loops with a root are not vectorised; no contraction to fused multiply-add, or results would depend on the
# vector unit. Both keep IEEE arithmetic.
target_compile_options(larmor_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-fno-math-errno -ffp-contract=off>
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${LARMOR_WARNINGS_AS_ERRORS}>>:-Werror>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${LARMOR_SANITIZE}>>:-fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${LARMOR_COVERAGE}>>:--coverage -O0>)
target_link_options(larmor_flags INTERFACE
  $<$<BOOL:${LARMOR_SANITIZE}>:-fsanitize=address,undefined>
  $<$<BOOL:${LARMOR_COVERAGE}>:--coverage>)
target_compile_definitions(larmor_flags INTERFACE FMT_HEADER_ONLY)
