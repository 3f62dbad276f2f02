# Finds LibTorch without find_package(Torch), which would demand nvcc and set global flags.
#
#   LARMOR_LIBTORCH   the folder that holds include/ and lib/ (a wheel's torch/, an unpacked libtorch zip)
#
# gives LibTorch::cpu, LibTorch::openmp, LibTorch::cuda (only where the CUDA half is there), LibTorch_VERSION, LibTorch_RUNTIME_DIRS
# (the folders for an RPATH) and LibTorch_RUNTIME_FILES (NVIDIA libraries that the CPU half needs, from outside its folder).
include(FindPackageHandleStandardArgs)

set(LARMOR_LIBTORCH "$ENV{LARMOR_LIBTORCH}" CACHE PATH "LibTorch folder with include/ and lib/")
set(_libtorch_cache "$ENV{LARMOR_CACHE}")
if(NOT _libtorch_cache)
  set(_libtorch_cache "$ENV{HOME}/.cache/larmor")
endif()
set(_libtorch_hints "${LARMOR_LIBTORCH}" "${_libtorch_cache}/libtorch-2.11.0/torch")

find_path(LibTorch_INCLUDE_DIR ATen/ATen.h HINTS ${_libtorch_hints} PATH_SUFFIXES include NO_DEFAULT_PATH)
get_filename_component(LibTorch_ROOT "${LibTorch_INCLUDE_DIR}" DIRECTORY)
foreach(_part torch_cpu c10 torch_cuda c10_cuda)
  find_library(LibTorch_${_part}_LIBRARY ${_part} HINTS "${LibTorch_ROOT}/lib" NO_DEFAULT_PATH)
endforeach()

foreach(_header torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
  if(NOT LibTorch_VERSION AND EXISTS "${LibTorch_INCLUDE_DIR}/${_header}")
    file(STRINGS "${LibTorch_INCLUDE_DIR}/${_header}" _version_lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
    string(REGEX MATCHALL "[0-9]+" _version_numbers "${_version_lines}")
    list(JOIN _version_numbers "." LibTorch_VERSION)
  endif()
endforeach()

find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_INCLUDE_DIR LibTorch_torch_cpu_LIBRARY LibTorch_c10_LIBRARY
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "run scripts/setup.sh, or set LARMOR_LIBTORCH to a folder with LibTorch 2.6 or newer")

if(LibTorch_FOUND AND NOT TARGET LibTorch::cpu)
  if(LibTorch_VERSION VERSION_LESS 2.6)
    message(FATAL_ERROR "LibTorch ${LibTorch_VERSION} in ${LibTorch_ROOT}: 2.6 or newer is needed")
  elseif(LibTorch_VERSION VERSION_GREATER_EQUAL 2.12)
    message(WARNING "LibTorch ${LibTorch_VERSION}: tested with 2.11 only")
  endif()

  # Debian's C++ libraries have the present ABI of libstdc++; a LibTorch of the old one would only be refused by the linker.
  file(STRINGS "${LibTorch_c10_LIBRARY}" _present_abi LIMIT_COUNT 1 REGEX "c105Error.*__cxx11")
  if(NOT _present_abi)
    message(FATAL_ERROR "LibTorch ${LibTorch_VERSION} in ${LibTorch_ROOT} is built for the old C++ ABI (_GLIBCXX_USE_CXX11_ABI=0): "
      "take a build for the present one (the wheels on PyPI are from 2.7 on)")
  endif()

  # The wheel's CPU library needs two CUDA libraries even where no GPU is: find them now, with a clear word, not at link time.
  set(LibTorch_RUNTIME_DIRS "${LibTorch_ROOT}/lib")
  set(LibTorch_RUNTIME_FILES "")
  execute_process(COMMAND ${CMAKE_OBJDUMP} -p "${LibTorch_torch_cpu_LIBRARY}" OUTPUT_VARIABLE _needed ERROR_QUIET)
  foreach(_part cupti cudart)
    string(REGEX MATCH "NEEDED +(lib${_part}\\.so\\.[0-9]+)" _match "${_needed}")
    if(_match)
      set(_soname "${CMAKE_MATCH_1}")
      file(GLOB _found
        "${LibTorch_ROOT}/../nvidia/*/lib/${_soname}"
        "/usr/local/cuda/lib64/${_soname}" "/usr/local/cuda/extras/CUPTI/lib64/${_soname}"
        "/usr/lib/x86_64-linux-gnu/${_soname}" "/usr/local/lib/${_soname}")
      if(NOT _found)
        message(FATAL_ERROR "LibTorch in ${LibTorch_ROOT} needs ${_soname}, which is not here: run scripts/setup.sh "
          "(it fetches the wheel nvidia-cuda-${_part}) or install the CUDA toolkit")
      endif()
      list(GET _found 0 _found)
      list(APPEND LibTorch_RUNTIME_FILES "${_found}")
      get_filename_component(_found "${_found}" DIRECTORY)
      list(APPEND LibTorch_RUNTIME_DIRS "${_found}")
    endif()
  endforeach()
  list(REMOVE_DUPLICATES LibTorch_RUNTIME_DIRS)

  add_library(LibTorch::cpu INTERFACE IMPORTED)
  target_include_directories(LibTorch::cpu SYSTEM INTERFACE
    "${LibTorch_INCLUDE_DIR}" "${LibTorch_INCLUDE_DIR}/torch/csrc/api/include")
  target_link_libraries(LibTorch::cpu INTERFACE "${LibTorch_torch_cpu_LIBRARY}" "${LibTorch_c10_LIBRARY}")
  foreach(_dir IN LISTS LibTorch_RUNTIME_DIRS)
    target_link_options(LibTorch::cpu INTERFACE "LINKER:-rpath-link,${_dir}")
  endforeach()

  # LibTorch's own OpenMP runtime, so that a unit compiled with -fopenmp brings no second one with threads of its own.
  file(GLOB _openmp "${LibTorch_ROOT}/lib/libgomp*.so*")
  add_library(LibTorch::openmp INTERFACE IMPORTED)
  target_compile_options(LibTorch::openmp INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fopenmp>)
  if(_openmp)
    list(GET _openmp 0 _openmp)
    target_link_libraries(LibTorch::openmp INTERFACE "${_openmp}")
  else()
    target_link_libraries(LibTorch::openmp INTERFACE gomp)
  endif()

  if(LibTorch_torch_cuda_LIBRARY AND LibTorch_c10_cuda_LIBRARY)
    add_library(LibTorch::cuda INTERFACE IMPORTED)
    target_link_libraries(LibTorch::cuda INTERFACE LibTorch::cpu
      "${LibTorch_torch_cuda_LIBRARY}" "${LibTorch_c10_cuda_LIBRARY}")
  endif()
endif()
mark_as_advanced(LibTorch_INCLUDE_DIR LibTorch_torch_cpu_LIBRARY LibTorch_c10_LIBRARY
  LibTorch_torch_cuda_LIBRARY LibTorch_c10_cuda_LIBRARY)
