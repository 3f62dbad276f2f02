// A table patient by patient: printed values beside each row's, and whether the mean over the printed patients lies where it has to.
#pragma once
#include <cstdint>
#include <string>

#include "core/csv.h"
#include "report/document.h"
#include "report/table.h"

namespace larmor::report {

/// True where single patients were printed.
bool has_published_patients(const TableSpec& spec);
/// How many of them any row has.
int64_t published_patients_here(const TableResult& table);
/// patient | published | one column per row: mean over seeds. Patients that only one of both has are there, too.
Table describe_patients(const TableResult& table);
/// The same with full numbers.
CsvTable to_patients_csv(const TableResult& table);
/// "Acceptance band …: buda_unet .910: inside." for every row that has all printed patients, else why there is no verdict; "" without band.
std::string describe_band(const TableResult& table);

}  // namespace larmor::report
