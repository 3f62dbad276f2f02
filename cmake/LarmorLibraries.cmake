# What our libraries link, as imported targets. The build includes this file, and larmorConfig.cmake for those who use the installed ones.
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(TIFF REQUIRED)
find_package(PNG REQUIRED)
find_package(ZLIB REQUIRED)

# Debian's small OpenCV packages carry no CMake files; the two libraries are found by path.
find_path(OpenCV_INCLUDE_DIR opencv2/imgproc.hpp PATH_SUFFIXES opencv4 REQUIRED)
find_library(OpenCV_core_LIBRARY opencv_core REQUIRED)
find_library(OpenCV_imgproc_LIBRARY opencv_imgproc REQUIRED)
mark_as_advanced(OpenCV_INCLUDE_DIR OpenCV_core_LIBRARY OpenCV_imgproc_LIBRARY)
if(NOT TARGET larmor_dep_opencv)
  add_library(larmor_dep_opencv INTERFACE IMPORTED)
  target_include_directories(larmor_dep_opencv SYSTEM INTERFACE "${OpenCV_INCLUDE_DIR}")
  target_link_libraries(larmor_dep_opencv INTERFACE "${OpenCV_imgproc_LIBRARY}" "${OpenCV_core_LIBRARY}")
endif()

if(LARMOR_WITH_TORCH)
  find_package(LibTorch REQUIRED)
endif()
