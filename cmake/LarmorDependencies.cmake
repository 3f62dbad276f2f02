# Everything that is found outside the tree, as imported targets.
include(LarmorLibraries)
find_package(CLI11 REQUIRED)

if(LARMOR_WITH_TORCH)
  message(STATUS "LibTorch ${LibTorch_VERSION} in ${LibTorch_ROOT}")
  # The CUDA plugin is opened by name, so its folder stands there too.
  set(CMAKE_BUILD_RPATH "${LibTorch_RUNTIME_DIRS}" "${PROJECT_BINARY_DIR}/cuda")
endif()
if(LARMOR_BUILD_TESTS)
  find_package(GTest REQUIRED)
  find_package(rapidcheck REQUIRED)

  # The tests hold our NIfTI reader against ITK's.
  add_library(larmor_dep_itk_nifti INTERFACE)
  foreach(_part ITKIONIFTI ITKIOImageBase)
    list(TRANSFORM _itk_versions PREPEND ${_part}- OUTPUT_VARIABLE _itk_names)
    find_library(${_part}_LIBRARY NAMES ${_itk_names} REQUIRED)
    target_link_libraries(larmor_dep_itk_nifti INTERFACE "${${_part}_LIBRARY}")
  endforeach()
  target_link_libraries(larmor_dep_itk_nifti INTERFACE larmor_dep_itk)
endif()
