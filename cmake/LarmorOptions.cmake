# Build options and the compile flags that every target of ours gets.
option(LARMOR_BUILD_TESTS "Build the tests" ON)
option(LARMOR_BUILD_BENCH "Build the benchmark programs" ON)
set(LARMOR_CUDA AUTO CACHE STRING "Build the CUDA plugin: AUTO (where nvcc is found), ON, OFF")
set_property(CACHE LARMOR_CUDA PROPERTY STRINGS AUTO ON OFF)
set(LARMOR_SANITIZE OFF CACHE STRING "Sanitizers: OFF, address (with undefined behaviour), thread")
set_property(CACHE LARMOR_SANITIZE PROPERTY STRINGS OFF address thread)
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

# A unit with torch/torch.h or ITK takes more than 1 GB: as many compilers as cores, but no more than the memory carries.
cmake_host_system_information(RESULT _cores QUERY NUMBER_OF_LOGICAL_CORES)
cmake_host_system_information(RESULT _memory_mib QUERY TOTAL_PHYSICAL_MEMORY)
math(EXPR _compilers "${_memory_mib} / 2000")
if(_compilers GREATER _cores)
  set(_compilers ${_cores})
elseif(_compilers LESS 1)
  set(_compilers 1)
endif()
set_property(GLOBAL PROPERTY JOB_POOLS compile=${_compilers} link=2)
set(CMAKE_JOB_POOL_COMPILE compile)
set(CMAKE_JOB_POOL_LINK link)

# DT_RPATH, not DT_RUNPATH: the folders of the NVIDIA libraries must be found for LibTorch's own needs too, not only for ours.
add_link_options(LINKER:--disable-new-dtags)

add_library(larmor_flags INTERFACE)
# No errno after sqrt, or loops with a root are not vectorised; no contraction to fused multiply-add, or results would depend on the
# vector unit. Both keep IEEE arithmetic.
target_compile_options(larmor_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-fno-math-errno -ffp-contract=off>
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${LARMOR_WARNINGS_AS_ERRORS}>>:-Werror>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${LARMOR_COVERAGE}>>:--coverage -O0>)
target_link_options(larmor_flags INTERFACE
  $<$<BOOL:${LARMOR_COVERAGE}>:--coverage>)
target_compile_definitions(larmor_flags INTERFACE FMT_HEADER_ONLY)

if(LARMOR_SANITIZE STREQUAL "address")
  set(_sanitizers address,undefined)
elseif(LARMOR_SANITIZE STREQUAL "thread")
  set(_sanitizers thread)
elseif(LARMOR_SANITIZE)
  message(FATAL_ERROR "LARMOR_SANITIZE=${LARMOR_SANITIZE}: allowed are OFF, address, thread")
endif()
if(LARMOR_SANITIZE)
  target_compile_options(larmor_flags INTERFACE -fsanitize=${_sanitizers} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_compile_definitions(larmor_flags INTERFACE _GLIBCXX_ASSERTIONS)
  target_link_options(larmor_flags INTERFACE -fsanitize=${_sanitizers})
endif()
if(LARMOR_FUZZ)
  target_compile_options(larmor_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -g)
  target_link_options(larmor_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined)
endif()
