// Command conformance draws the table of behaviours that the phone promises:
// testdata/conformance.tsv has the rows, testdata/conformance.md what became of
// them. Run it with make conformance, from anywhere in the module.
//
// Words: a row is one behaviour with its RFC section, stimulus and expected
// result; a test belongs to each row whose id its name carries,
// TestConformance_T04_FortyTimes180 to T04, TestConformance_T20_T21_X to two. A
// row that comes with another issue needs no test until then.
//
// The rows were copied from the specification; where one was wrong it is
// corrected, and the last column says how and why.
//
// The program runs the tests (one go test for all of them) and writes the
// table; this room's own tests hold, without running anything, that every row
// has a test, that no test names a row that is not there, and that the table
// names them all. Standard library only; no goroutines.
package main
