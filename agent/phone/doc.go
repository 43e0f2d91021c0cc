// Package phone reads telephone numbers as people write them.
//
// # Words
//
//   - A number is E.164 when the whole world can reach it: +, country code and
//     digits, without blanks (ITU-T E.164, at most 15 digits).
//   - A region is the country whose rules hold for numbers that name none: two
//     letters of ISO 3166, such as JP.
//   - What is no E.164 number (an extension, a feature code, 110) is left as it
//     was written.
//   - A run is what of a number is alike in every notation of it; what is searched
//     for.
//
// Numbers is a value, has no state and may be used by any goroutine.
//
// nyaruka/phonenumbers (a port of Google's libphonenumber, kept up with it) knows
// the numbering plans of the countries: they change every month, and nobody keeps
// them by hand.
package phone
