# Everything that is found outside the tree, as imported targets with one naming: larmor_dep::<name>.
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)

# Debian's small OpenCV packages carry no CMake files; the two libraries are found by path.
find_path(OpenCV_INCLUDE_DIR opencv2/imgproc.hpp PATH_SUFFIXES opencv4 REQUIRED)
find_library(OpenCV_core_LIBRARY opencv_core REQUIRED)
find_library(OpenCV_imgproc_LIBRARY opencv_imgproc REQUIRED)
add_library(larmor_dep_opencv INTERFACE)
target_include_directories(larmor_dep_opencv SYSTEM INTERFACE "${OpenCV_INCLUDE_DIR}")
target_link_libraries(larmor_dep_opencv INTERFACE "${OpenCV_imgproc_LIBRARY}" "${OpenCV_core_LIBRARY}")

if(LARMOR_WITH_TORCH)
  find_package(LibTorch REQUIRED)
  message(STATUS "LibTorch ${LibTorch_VERSION} in ${LibTorch_ROOT}")
  set(CMAKE_BUILD_RPATH "${LibTorch_RUNTIME_DIRS}")
endif()
if(LARMOR_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()
