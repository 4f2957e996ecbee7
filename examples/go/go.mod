module logsummary

go 1.21
