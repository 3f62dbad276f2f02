// One DICOM file as a tree of elements (PS3.5, PS3.10), without its meaning. Read by code of ours, which checks every length before it is
// used; dicom.h gives the meaning.
//
// Part 10 files in implicit or explicit little endian, explicit big endian, and the encapsulated syntaxes. Elements point into the file's
// bytes, which must outlive the tree.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "imaging/stored.h"

namespace larmor::imaging {

using DicomTag = uint32_t;  ///< group << 16 | element

struct DicomDataSet;

struct DicomElement {
  std::span<const std::byte> value;                   ///< empty for sequences and encapsulated pixels
  std::vector<DicomDataSet> items;                    ///< of a sequence
  std::vector<std::span<const std::byte>> fragments;  ///< of encapsulated pixels, without the offset table
};

struct DicomDataSet {
  std::map<DicomTag, DicomElement> elements;
  bool big_endian = false;

  const DicomElement* find(DicomTag tag) const;
  /// The first item of a sequence; nullptr where there is none.
  const DicomDataSet* item(DicomTag sequence) const;
  /// Text without padding, control characters turned to spaces; "" where the element is missing.
  std::string text(DicomTag tag) const;
  /// Numbers written as text ("1.5\2"); nothing where one of them is none.
  std::vector<double> decimals(DicomTag tag) const;
  std::optional<double> decimal(DicomTag tag) const;
  std::optional<uint16_t> u16(DicomTag tag) const;
  std::optional<double> f64(DicomTag tag) const;
};

enum class DicomCoding { plain, rle, jpeg, jpeg_ls, jpeg_2000 };

struct DicomFile {
  DicomDataSet data;
  DicomCoding coding = DicomCoding::plain;
  std::string transfer_syntax;  ///< its UID
};

/// The file begins as Part 10 files do.
bool is_dicom(std::span<const std::byte> bytes);
/// Error (data), one line with the file's name: no Part 10 file, cut off, damaged, a transfer syntax that is not supported.
DicomFile parse_dicom(const FileBytes& file);

}  // namespace larmor::imaging
